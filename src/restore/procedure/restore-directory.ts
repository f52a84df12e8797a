import fs from 'node:fs';
import path from 'node:path';
import type { OldCluster } from '../../cluster/old-cluster.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { measureProgress } from '../../progress/measure-progress.ts';
import { timePhases } from '../../progress/stopwatch.ts';
import { demandFree } from '../../tree/exchange/lock.ts';
import { probePlace } from '../../tree/exchange/probe.ts';
import { realPath } from '../../tree/places/mounts-inside.ts';
import { ODO_DIR, type Owner, previousDir } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { createProofs } from '../contract/proofs.ts';
import type { DirectoryRequest } from '../contract/request.ts';
import { createDirectoryEngine } from '../engine/directory-engine.ts';
import { meansOf } from '../lay-down/share-out.ts';
import { momentReport } from '../outcome/at-target.ts';
import { isResumable, salvageNotes, withKeptStaging } from '../outcome/failure-hints.ts';
import { newBackupDue } from '../outcome/new-backup-due.ts';
import { makePlan, type Plan, type Receipt } from '../outcome/receipt.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { tellSalvage } from '../outcome/tell-salvage.ts';
import { proveConfiguration } from '../proofs/configuration.ts';
import { findLaterTablespaces, placeLater } from '../proofs/later-tablespaces.ts';
import { mayHaveSalvage } from '../proofs/may-have-salvage.ts';
import { demandWipeLosesNothing, proveOldData, withRoomForSalvage } from '../proofs/prove-old-data.ts';
import { proveCluster, proveTargetSafe } from '../proofs/prove-place.ts';
import { proveRepository, type RestoreSource } from '../proofs/prove-repository.ts';
import { probedPlaces, proveSpace } from '../proofs/prove-space.ts';
import { proveWriting } from '../proofs/prove-writing.ts';
import { refuseLayout } from '../service/prove-layout.ts';
import { refuseOverlap, refuseUnknownTablespaces, tablespaceLocation } from '../service/service-places.ts';
import type { OldDataJudgement } from '../volume/judge-old-data.ts';
import { forOwnRun } from '../volume/own-run.ts';
import { salvagePlan } from './service-plan.ts';

/**
 * Fills a directory with a backup, without any Docker: prove, lay down, swap. The server that is started on it recovers
 * by itself; what the directory held before is kept in `.odo/previous`. A dry run gives the plan instead.
 */
export async function restoreDirectory(request: DirectoryRequest, context: RunContext): Promise<Plan | Receipt> {
  const { signal } = context;
  const startedAt = new Date().toISOString();
  const { report, phases } = timePhases(measureProgress(context.report));
  const engine = createDirectoryEngine();
  const proofs = createProofs(report, signal);

  const proven = await inPhase(report, 'prove', async () => {
    const configuration = await proveConfiguration(request, proofs);
    const source = await proveRepository(request, proofs, signal);
    const target = await proofs.attempt('target', async () => {
      const own = targetOf(request, source?.backup);
      const value = source ? await withLater(request, source, own, await engine.probe(own), signal) : own;
      const probe = await engine.probe(value, { measure: request.wipe });
      refuseLayout(value.pgdata, probe.pgdata.layout);
      const { evidence } = proveTargetSafe(value.pgdata, probe.pgdata, 'data directory', request);
      for (const [index, { place }] of value.tablespaces.entries()) {
        const found = probe.tablespaces[index];
        refuseLayout(place, found?.layout);
        if (found) proveTargetSafe(place, found, 'tablespace', request);
      }
      return {
        evidence,
        value: { ...value, probe: probe.pgdata, probed: probedPlaces(value, probe.pgdata, probe.tablespaces) },
      };
    });
    if (target) {
      await proofs.attempt('lock', async () => {
        await demandFree(target.pgdata.odoDir);
        return { evidence: `no other odo is at work on ${target.pgdata.root}` };
      });
    }
    let oldData: OldDataJudgement | undefined;
    if (source && target) {
      const look = { engine, target, source, isInUse: false, signal };
      oldData = await proofs.attempt('old data', () => proveOldData(look, request));
    }
    if (source && target) {
      await proofs.attempt('same cluster', () => proveCluster(target.probe, source.backup, request));
      await proofs.attempt('free space', () =>
        proveSpace(target.probed, source.backup, withRoomForSalvage(source.wal, oldData?.salvage), request),
      );
    }
    if (target) await proveWriting(engine, target, ownerOf(request), proofs);
    proofs.demandAll();
    if (!source || !target) throw new OdoError('bug', 'a proof failed without an error');
    const { pgdata, tablespaces } = target;
    return { source, target: forOwnRun({ pgdata, tablespaces }), configuration, oldData };
  });

  const { source, target, configuration, oldData } = proven;
  const owner = ownerOf(request);
  const plan = makePlan(source, target, {
    ...(owner ? { owner } : {}),
    steps: [
      `lay the backup down in ${target.pgdata.odoDir}`,
      oldData?.salvage ? 'fetch its WAL, and take along what only the old data has' : 'fetch its WAL',
      `exchange the content of ${target.pgdata.root}, keeping what was there`,
    ],
    ...salvagePlan(oldData?.salvage),
    proofs: proofs.all,
  });
  if (request.dryRun) return plan;
  if (!(await context.confirm(plan))) throw new OdoError('cancelled', 'cancelled before anything was touched');

  const job: LayDownJob = {
    store: request.store,
    repository: source.repository.ref,
    backup: source.backup,
    wal: source.wal,
    target,
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
  async function leaveAsBefore(thrown: unknown, isStaged: boolean): Promise<OdoError> {
    const error = asOdoError(thrown, signal);
    const kept = isStaged && !request.discard && isResumable(error);
    if (!kept) await engine.discard(target).catch(() => undefined);
    const { odoDir } = target.pgdata;
    return withKeptStaging(error, { kept, wiped: request.wipe, odoDir, removal: `rm -r ${odoDir}` });
  }

  const takeAlong = async () => {
    const survey = job.recovery.salvage && (await engine.takeSalvage(job, report, signal));
    tellSalvage(survey, report);
    await demandWipeLosesNothing({ engine, target, source, isInUse: false, signal }, request, survey?.salvage);
    return survey?.salvage;
  };
  const salvage = await takeAlong();
  const laidDown = await engine.layDown(job, report, signal).catch(async (thrown: unknown) => {
    throw await leaveAsBefore(thrown, true);
  });
  await inPhase(report, 'swap', () => engine.swap(target)).catch(async (thrown: unknown) => {
    throw await leaveAsBefore(thrown, await engine.takeBack(target).catch(() => false));
  });
  await engine.finish({ target, keepPrevious: true, settings: 'leave' });
  return {
    kind: 'receipt',
    odoVersion: context.version,
    startedAt,
    finishedAt: new Date().toISOString(),
    backup: plan.backup,
    dataDirectory: target.pgdata.root,
    ...(request.moment ? { moment: momentReport(request.moment, source, 'left') } : {}),
    laidDown,
    ...(salvage ? { salvage } : {}),
    phases,
    notes: [
      ...laidDown.overridden,
      ...salvageNotes(salvage),
      ...notesFor(target, configuration.keepArchiving, request.moment),
    ],
  };
}

/** Files of root's would be of no use to a server. */
function ownerOf(request: DirectoryRequest): Owner | undefined {
  return request.owner ?? (process.getuid?.() === 0 ? { uid: 999, gid: 999 } : undefined);
}

/**
 * Without a service, a tablespace goes where it was only if that directory is there; otherwise the user has to say
 * where.
 */
function targetOf(request: DirectoryRequest, backup: Backup | undefined): ClusterPlaces {
  // By its real path, from which the restore_command finds ODO's folder.
  const root = realPath(path.resolve(request.into));
  if (backup) refuseUnknownTablespaces(backup, request.tablespaces);
  const tablespaces = (backup?.tablespaces ?? []).map((tablespace) => {
    const location = path.resolve(tablespaceLocation(tablespace, request.tablespaces));
    if (location === tablespace.location && !fs.existsSync(location)) {
      const name = tablespace.name ?? tablespace.oid;
      throw new OdoError('usage', `tablespace ${name} was at ${location}, which is not there`, {
        hint: `choose a directory with --tablespace ${name}=PATH, or create that one`,
      });
    }
    return { oid: tablespace.oid, place: { root: location, odoDir: path.join(location, ODO_DIR) } };
  });
  const target = { pgdata: { root, odoDir: path.join(root, ODO_DIR) }, tablespaces };
  refuseOverlap(target);
  return target;
}

/** Adds what the replay of WAL will create, in the very directories that stand there. */
async function withLater(
  { store, moment }: DirectoryRequest,
  source: RestoreSource,
  target: ClusterPlaces,
  { oldCluster: old }: Awaited<ReturnType<Engine['probe']>>,
  signal: AbortSignal,
): Promise<ClusterPlaces> {
  const isLikely = target.tablespaces.length > 0;
  const { value: later = [] } = await findLaterTablespaces({ store, source, old, isLikely, signal });
  const places = placeLater(later, target.tablespaces).filter(({ oid, place: { root } }) => {
    if (fs.existsSync(root)) {
      refuseAnothers(root, old, source.backup);
      return true;
    }
    if (moment && later.some((one) => one.oid === oid && one.isPerhaps)) return false;
    throw new OdoError('usage', `tablespace ${oid} was created at ${root} after the backup, and that is not there`, {
      hint:
        'create that directory, since recovery creates the tablespace in it again; or stop before it was ' +
        'created, with --target-time',
    });
  });
  const all = { ...target, tablespaces: [...target.tablespaces, ...places] };
  refuseOverlap(all);
  return all;
}

/**
 * On the machine of the original cluster, its tablespace may be in use there: only what belongs to the old data in the
 * target may be moved.
 */
function refuseAnothers(root: string, old: OldCluster | undefined, backup: Backup): void {
  const isOwn =
    old?.systemIdentifier === backup.systemIdentifier && old?.tablespaces.some(({ location }) => location === root);
  if (isOwn || probePlace({ root, odoDir: path.join(root, ODO_DIR) }).empty) return;
  throw new OdoError(
    'unsafeTarget',
    `recovery creates a tablespace at ${root}, and that holds files of another cluster`,
    {
      hint:
        'it may be in use: restore where that directory is empty, or stop before the tablespace was created, ' +
        'with --target-time',
    },
  );
}

function whatItDoes(moment: Moment | undefined): string {
  const then = 'is then promoted, and clears the fetched WAL away';
  if (!moment) return `it recovers to the end of the WAL, ${then}`;
  const words = targetWords(moment);
  switch (moment.action) {
    case 'promote':
      return `it recovers to ${words}, ${then}`;
    case 'pause':
      return (
        `it recovers to ${words} and waits there, read-only; select pg_wal_replay_resume() ends its recovery, ` +
        `and it ${then}`
      );
    case 'shutdown':
      return (
        `it recovers to ${words} and shuts down there, at each start; with recovery_target_action = 'promote' ` +
        `in postgresql.auto.conf it ${then}`
      );
  }
}

function notesFor(target: ClusterPlaces, keepArchiving: boolean, moment: Moment | undefined): string[] {
  const notes = [
    `start a PostgreSQL server on ${target.pgdata.root}: ${whatItDoes(moment)}`,
    keepArchiving
      ? 'archiving is as the configuration has it: if it is on, see that the copy does not write where the ' +
        'original archives'
      : 'archiving is off in the restored copy; to turn it on: ALTER SYSTEM SET archive_mode = on, then restart',
    newBackupDue('once archiving is on'),
  ];
  const previous = previousDir(target.pgdata);
  if (fs.existsSync(previous))
    notes.push(`what was there before is kept in ${previous}; remove it once the restored server is right`);
  return notes;
}
