import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import type { RepositoryRef } from '../../formats/contract/format.ts';
import { findRepositories, openWalArchive } from '../../formats/registry/registry.ts';
import { tellChanges } from '../../progress/tell-changes.ts';
import { localStore, openStore } from '../../store/kinds/open.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { Engine } from '../contract/engine.ts';
import type { FollowRound } from '../contract/jobs.ts';
import { createProofs } from '../contract/proofs.ts';
import type { RepositoryRequest, ServiceRef } from '../contract/request.ts';
import { type LastingEngine, openLastingEngine } from '../engine/lasting-engine.ts';
import { withHints } from '../outcome/failure-hints.ts';
import { commandFor } from '../outcome/odo-command.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { onlyRepository } from '../proofs/choose-repository.ts';
import { PATIENCE_MS } from '../proofs/prove-repository.ts';
import type { FoundService } from '../service/found-service.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { demandService } from '../service/prove-service.ts';
import { askStandby } from './ask-standby.ts';

export interface FollowRequest extends RepositoryRequest {
  serviceRef: ServiceRef;
  /** How much WAL may wait on the volume for the standby. */
  spoolBytes: number;
}

/** What following an archive came to, as plain JSON. */
export interface Following {
  kind: 'following';
  volume: string;
  service: string;
  dataDirectory: string;
  /**
   * `told`: somebody ended the following, and the server stays a standby. `promoted`: the server is no standby any
   * more.
   */
  ended: 'told' | 'promoted';
  /** Up to where the server had replayed when it was last asked. */
  replayLsn?: string;
  lastCommitTime?: string;
  /** Segments that were fetched. */
  walSegments: number;
  /** Bytes that were read for them. */
  readBytes: number;
  notes: string[];
}

/**
 * How long the archive is left alone when it has nothing new: first, and at the most. Each rest is half as long again
 * as the one before.
 */
const REST_MS = { first: 5_000, most: 30_000 };

type Context = Omit<RunContext, 'confirm'>;

/**
 * Brings newly archived WAL to a standby that a restore has left on a service's volume. Goes on until the standby is
 * promoted, or the signal fires, which is no failure, but the usual end. It may be begun again at any time: each round
 * starts from what the server says it has replayed.
 */
export async function followService(request: FollowRequest, context: Context): Promise<Following> {
  const { report, signal } = context;
  const { found, repository } = await inPhase(report, 'prove', async () => ({
    found: await demandService(request.serviceRef, context, { alone: false }),
    repository: await demandArchive(request, report, signal),
  }));
  const open = () => openServiceEngine(found, [found.data.mount], request, context, 'follow');
  const engine = openLastingEngine(await open(), open, tellChanges(report), signal);
  try {
    await engine.during((current) => demandStandby(current, found));
    return await inPhase(report, 'follow', () => follow(engine, found, repository, request, context));
  } finally {
    await engine.close();
  }
}

async function follow(
  engine: LastingEngine,
  found: FoundService,
  repository: RepositoryRef,
  request: FollowRequest,
  { report, signal }: Context,
): Promise<Following> {
  const { service, data } = found;
  const result: Following = {
    kind: 'following',
    volume: data.mount.source,
    service: service.name,
    dataDirectory: data.place.root,
    ended: 'told',
    walSegments: 0,
    readBytes: 0,
    notes: [],
  };
  const ask = askStandby(found, tellChanges(report), signal);
  const tellWarnings = tellChanges(report);
  // A relative path means nothing inside of a container.
  const store = localStore(request.store)?.config ?? request.store;
  let restMs = REST_MS.first;
  let before: FollowRound | undefined;
  try {
    for (;;) {
      const standby = await ask();
      if (standby === 'promoted') break;
      const { targetTimeline, ...reached } = standby;
      const isFarther = result.replayLsn !== reached.replayLsn;
      Object.assign(result, reached);
      const job = { repository, pgdata: data.place, spoolBytes: request.spoolBytes, targetTimeline, restMs };
      const { replayLsn } = reached;
      const whole = { ...job, store, ...(replayLsn === undefined ? {} : { replayLsn }) };
      const round = await engine.during((current) => current.follow(whole, report, signal));
      if (round === undefined) break;
      result.walSegments += round.segments;
      result.readBytes += round.readBytes;
      if (isFarther || round.segments > 0) tellProgress(result, report);
      tellWarnings(warningsOf(round, before));
      restMs = round.segments > 0 ? REST_MS.first : Math.min(restMs * 1.5, REST_MS.most);
      before = round;
    }
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    const goingOn = 'the server stays a standby with what it has; the same command goes on from there';
    if (!signal.aborted) throw withHints(error, [goingOn]);
    return { ...result, notes: [goingOn] };
  }
  const finishing = `unless odo promote is about to, this finishes the restore: ${commandFor('promote', request)}`;
  return { ...result, ended: 'promoted', notes: [finishing] };
}

/** Finds the archive to follow. The restore container finds it again by the answer. */
async function demandArchive(request: FollowRequest, report: Report, signal: AbortSignal): Promise<RepositoryRef> {
  const { store, key } = openStore({
    ...request.store,
    retryForMs: Math.min(request.store.retryForMs ?? PATIENCE_MS, PATIENCE_MS),
  });
  const proofs = createProofs(report, signal);
  try {
    const ref = await proofs.attempt('WAL archive', async () => {
      const { repositories } = await findRepositories(store, key, signal);
      const { ref, server } = onlyRepository(repositories, request);
      if (await openWalArchive(store, ref)) return { evidence: `of ${server} at ${store.url}/${ref.root}`, value: ref };
      throw new OdoError('notFound', `the ${ref.format} repository ${store.url}/${ref.root} has no WAL archive`, {
        hint: 'only a barman repository has one; such a standby can follow its primary alone',
      });
    });
    proofs.demandAll();
    return ref as RepositoryRef;
  } finally {
    store.close();
  }
}

async function demandStandby(engine: Engine, { data, service }: FoundService): Promise<void> {
  const { pgdata } = await engine.probe({ pgdata: data.place, tablespaces: [] });
  if (pgdata.journalState === 'swapped' && pgdata.awaitsPromotion?.isStandby && !pgdata.usedSinceSwap) return;
  throw new OdoError('usage', `no restore has left service ${service.name} a standby on volume ${data.mount.source}`, {
    hint: 'odo restore --standby does; odo status tells what is on the volume',
  });
}

function tellProgress({ walSegments, readBytes, replayLsn, lastCommitTime }: Following, report: Report): void {
  const replay = withoutUndefined({ replayLsn, replayTime: lastCommitTime });
  report({ type: 'progress', phase: 'follow', segments: walSegments, readBytes, ...replay });
}

/** Segments may come out of order: only one that is missing for longer is worth a word. */
function warningsOf({ hole, astray }: FollowRound, before: FollowRound | undefined): string[] {
  return [
    ...(hole !== undefined && hole === before?.hole
      ? [`the archive lacks ${hole}, though later ones are there; the standby waits for it`]
      : []),
    ...(astray === undefined
      ? []
      : [
          `timeline ${astray} of the archive does not lead on from where the standby is, which stays on its ` +
            'own; to get there, restore again',
        ]),
  ];
}
