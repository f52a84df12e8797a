import { inPhase } from '../../events.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import type { DirectoryRequest } from '../contract/request.ts';
import { createDirectoryEngine } from '../engine/directory-engine.ts';
import { meansOf } from '../lay-down/share-out.ts';
import { momentReport } from '../outcome/at-target.ts';
import { isResumable, withKeptStaging } from '../outcome/failure-hints.ts';
import { makePlan, type Plan, salvagePlan } from '../outcome/receipt.ts';
import { salvageNotes } from '../outcome/receipt-notes.ts';
import { provenContent } from '../procedure/make-lay-down-job.ts';
import type { Prove } from '../procedure/restore.ts';
import { takeAlong } from '../procedure/take-along.ts';
import { mayHaveSalvage } from '../proofs/may-have-salvage.ts';
import { demandWipeLosesNothing } from '../proofs/prove-old-data.ts';
import { forOwnRun } from '../volume/own-run.ts';
import { directoryNotes } from './directory-notes.ts';
import { type ProvenDirectory, proveDirectory } from './prove-directory.ts';

/**
 * Fills a directory with a backup, without any Docker. The server that somebody starts on it recovers by itself; what
 * the directory held before is kept in `.odo/previous`.
 */
export function intoDirectory(request: DirectoryRequest): Prove<void> {
  return async (tools) => {
    const { report, signal } = tools;
    const engine = createDirectoryEngine();
    const held = await proveDirectory(request, engine, tools);
    const proven = { ...held, places: forOwnRun(held.places) };
    const { source, places, configuration } = proven;
    let salvage: Salvage | undefined;
    let layingDown = false;
    /** The staged files can be gone on from, as far as is known. */
    let isStaged = true;
    return {
      plan: () => planOfDirectory(proven),
      async layDown() {
        const job = jobOf(request, proven);
        salvage = await takeAlong(engine, job, report, signal);
        await demandWipeLosesNothing({ engine, places, source, isInUse: false, signal }, request, salvage);
        layingDown = true;
        return engine.layDown(job, report, signal);
      },
      exchange: () =>
        inPhase(report, 'swap', () => engine.swap(places)).catch(async (error: unknown) => {
          isStaged = await engine.takeBack(places).catch(() => false);
          throw error;
        }),
      async leaveAsBefore(error) {
        if (!layingDown) return error;
        const kept = isStaged && !request.discard && isResumable(error);
        if (!kept) await engine.discard(places).catch(() => undefined);
        const { odoDir } = places.pgdata;
        return withKeptStaging(error, { kept, wiped: request.wipe, odoDir, removal: `rm -r ${odoDir}` });
      },
      // A server that somebody starts later recovers.
      recover: async () => undefined,
      tellWayBack: async (error) => error,
      async finish() {
        await engine.finish({ places, keepPrevious: true, settings: 'leave' });
        return {
          ...(request.moment ? { moment: momentReport(request.moment, source, 'left') } : {}),
          ...(salvage ? { salvage } : {}),
          notes: [...salvageNotes(salvage), ...directoryNotes(places, configuration.keepArchiving, request.moment)],
        };
      },
      close: async () => undefined,
    };
  };
}

function planOfDirectory({ source, places, owner, oldData, proofs }: ProvenDirectory): Plan {
  return makePlan(source, places, {
    ...(owner ? { owner } : {}),
    steps: [
      `lay the backup down in ${places.pgdata.odoDir}`,
      oldData?.salvage ? 'fetch its WAL, and take along what only the old data has' : 'fetch its WAL',
      `exchange the content of ${places.pgdata.root}, keeping what was there`,
    ],
    ...salvagePlan(oldData?.salvage),
    proofs,
  });
}

function jobOf(request: DirectoryRequest, { source, places, owner, configuration }: ProvenDirectory): LayDownJob {
  return {
    store: request.store,
    repository: source.repository.ref,
    ...provenContent(source.backup),
    wal: source.wal,
    places,
    ...(owner ? { owner } : {}),
    configuration: { ...configuration, keepSettings: request.keepSettings },
    server: {},
    recovery: {
      unattended: true,
      ...(mayHaveSalvage(request, source) ? { salvage: { isLater: false } } : {}),
      ...(request.moment ? { stopAt: request.moment } : {}),
    },
    oldData: { wipe: request.wipe },
    run: { sync: request.sync, verify: request.verify, fresh: request.fresh, ...meansOf(request) },
  };
}
