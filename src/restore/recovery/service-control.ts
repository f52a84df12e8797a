import { containerState, startContainer, stopContainer } from '../../docker/client/container.ts';
import { startService } from '../../docker/compose/make-service.ts';
import { resolveService, type Service, type ServiceContainer } from '../../docker/compose/service.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import { patiently } from '../../progress/patiently.ts';
import type { Engine } from '../contract/engine.ts';
import type { FinishOptions } from '../contract/jobs.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { ServiceRef } from '../contract/request.ts';
import { askPrepared, preparedNotes } from '../database/prepared-transactions.ts';
import { type DatabaseAddress, openServiceDatabase, type ServiceDatabase } from '../database/service-database.ts';
import type { Reached } from '../outcome/receipt.ts';
import { archivingNotes, keptSalvageNote, leftSettingsNotes } from '../outcome/receipt-notes.ts';
import type { Archiving } from '../proofs/configuration.ts';
import type { FoundService } from '../service/found-service.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import { openRecoveringServer } from './recovering-server.ts';
import { raiseFactsOf } from './recovering-volume.ts';
import { watchRecovery } from './watch-recovery.ts';
import type { Watched } from './watched.ts';

/** Stops containers of the service gracefully. Each gets its own time to stop, or the given one if that is longer. */
export async function stopContainers(
  { docker }: FoundService,
  containers: readonly ServiceContainer[],
  timeoutSeconds: number,
  report: Report,
): Promise<void> {
  if (containers.length === 0) return;
  await inPhase(report, 'stop', () =>
    Promise.all(
      containers.map(({ id, stopTimeoutSeconds = 0 }) =>
        stopContainer(docker, id, Math.max(stopTimeoutSeconds, timeoutSeconds)),
      ),
    ),
  );
}

/** How a server is followed. */
export type WatchOptions = Pick<Watched, 'stallTimeoutMs' | 'atTarget' | 'enough' | 'isAtTarget' | 'volume'>;

/** What came of a recovery. */
export interface SeenThrough {
  database: ServiceDatabase;
  reached: Reached;
  /** The server stays in recovery. */
  waits: boolean;
  /** Why the server could not be asked, in its own words. Its files told then. */
  unasked?: string;
}

/**
 * Starts the service on its new data and sees it through recovery, to its promotion unless it is to wait at its target.
 */
export async function bringUp(found: FoundService, options: WatchOptions, report: Report, signal: AbortSignal) {
  const { docker, project, data } = found;
  const containerId = await inPhase(report, 'start', () => startOn(found, signal));
  const service = await patiently(() => resolveService(docker, project, found.service.name), signal);
  const address = { docker, containerId, dataDirectory: data.place.root, env: service.env };
  return { address, ...(await seeThroughRecovery(address, options, report, signal)) };
}

/** Follows a started server through recovery, wherever it runs. */
export async function seeThroughRecovery(
  address: DatabaseAddress,
  options: WatchOptions,
  report: Report,
  signal: AbortSignal,
): Promise<SeenThrough> {
  const { docker, containerId } = address;
  const database = openServiceDatabase(address, signal);
  const status = await inPhase(report, 'recover', () =>
    watchRecovery({ server: openRecoveringServer(docker, containerId, report), database, ...options }, report, signal),
  );
  const reached: Reached = {
    timeline: status.timeline ?? 0,
    ...(status.replayLsn === undefined ? {} : { lsn: status.replayLsn }),
    ...(status.lastCommitTime === undefined ? {} : { lastCommitTime: status.lastCommitTime }),
  };
  const { inRecovery: waits, unasked } = status;
  return { database, reached, waits, ...(unasked === undefined ? {} : { unasked }) };
}

/**
 * Starts the service's containers as they were made, or lets compose make one. Gives the container that holds the
 * server.
 */
async function startOn({ docker, project, service }: FoundService, signal: AbortSignal): Promise<string> {
  // The containers as they are now: compose may have made them anew while the backup was laid down.
  const { containers } = await patiently(() => resolveService(docker, project, service.name), signal);
  for (const { id, name } of containers) {
    if ((await patiently(() => containerState(docker, id), signal)).running) throw startedMeanwhile(name);
    await patiently(() => startContainer(docker, id), signal);
  }
  if (containers.length === 0) await startService(docker, project, service.name, signal);
  const [first] = (await patiently(() => resolveService(docker, project, service.name), signal)).containers;
  if (!first) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return first.id;
}

/**
 * The error for a server that ran while its files changed places: it has part of both in its hands, and proves nothing.
 */
function startedMeanwhile(name: string): OdoError {
  return new OdoError('unsafeTarget', `container ${name} was started by somebody else during the exchange`, {
    hint:
      'see what starts it (a scheduled job, another terminal), bring the old data back, and run the same ' +
      'command again',
  });
}

/**
 * Removes ODO's settings, the spool and, unless it is to be kept, the old data. Gives what the person should know. No
 * answer of the server is needed: its files tell as well. What they do not tell either is taken for the more careful
 * case.
 */
export async function cleanUp(
  engine: Pick<Engine, 'finish' | 'archivingConfigured'>,
  options: {
    places: ClusterPlaces;
    archiving: Archiving;
    keepPrevious: boolean;
    onlyCopy?: OnlyCopy | undefined;
    service: Pick<Service, 'commandArgs'>;
    request: { serviceRef: ServiceRef };
    reached?: FinishOptions['reached'];
    /** Nobody is to bring the server to archiving, so that nothing is said of it. */
    neverArchives?: boolean;
  },
  database: Pick<ServiceDatabase, 'archivingConfigured' | 'query' | 'reload'>,
  report: Report,
): Promise<string[]> {
  return inPhase(report, 'clean', async () => {
    const { archiving, places, onlyCopy, reached } = options;
    const keepPrevious = options.keepPrevious || onlyCopy !== undefined;
    const { ownWordOnArchiving: ownWord, keepArchiving } = archiving;
    const [configured, prepared = []] = await Promise.all([
      database
        .archivingConfigured()
        .catch(() => engine.archivingConfigured(places, raiseFactsOf(options.service)))
        .then((told) => told ?? true),
      askPrepared(database),
    ]);
    const keepOff = !ownWord && !keepArchiving && configured;
    const settings = keepOff ? 'remove-but-keep-archiving-off' : 'remove';
    const hasPrepared = prepared.length > 0 ? { hasPrepared: true } : {};
    const finished = await engine.finish({
      places,
      keepPrevious,
      settings,
      ...hasPrepared,
      ...(reached ? { reached } : {}),
      ...(onlyCopy ? { keptBecause: onlyCopy.because } : {}),
    });
    const untold = await database.reload().then(
      () => [],
      (error: unknown) => [
        'the server still has the settings of its recovery until it is started again, since it could not be ' +
          `told: ${asOdoError(error).message}`,
      ],
    );
    return [
      ...preparedNotes(prepared),
      ...leftSettingsNotes(finished.leftSettings),
      ...(finished.keptSalvage ? [keptSalvageNote(places.pgdata, options.request)] : []),
      ...untold,
      ...(options.neverArchives ? [] : archivingNotes({ configured, keepOff, ownWord, keepArchiving })),
    ];
  });
}
