import { containerState, startContainer, stopContainer } from '../docker/container.ts';
import { startService } from '../docker/project.ts';
import { resolveService, type ServiceContainer } from '../docker/service.ts';
import { OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import type { Archiving } from './configuration.ts';
import type { Engine, Target } from './engine.ts';
import type { FoundService } from './prove-service.ts';
import type { Reached } from './receipt.ts';
import { type DatabaseAddress, openServiceDatabase, type ServiceDatabase } from './service-database.ts';
import { type Watched, watchRecovery } from './watch-recovery.ts';

/** Stops the service's running containers, gracefully; each gets the longer of its own and the given time. */
export async function stopContainers(
  { docker }: FoundService,
  containers: readonly ServiceContainer[],
  timeoutSeconds: number,
  report: Report,
): Promise<void> {
  if (containers.length === 0) return;
  await inPhase(report, 'stop', () =>
    Promise.all(
      containers.map(({ id, stopTimeoutSeconds = 0 }) => stopContainer(docker, id, Math.max(stopTimeoutSeconds, timeoutSeconds))),
    ),
  );
}

/** Starts the service on its new data and sees it through recovery, to its promotion unless it is to wait at its target. */
export async function bringUp(
  found: FoundService,
  options: Pick<Watched, 'stallTimeoutMs' | 'atTarget' | 'enough'>,
  report: Report,
  signal: AbortSignal,
) {
  const { docker, project, data } = found;
  const containerId = await inPhase(report, 'start', () => startOn(found, signal));
  const service = await resolveService(docker, project, found.service.name);
  const address = { docker, containerId, dataDirectory: data.place.root, env: service.env };
  return { address, ...(await seeThroughRecovery(address, options, report, signal)) };
}

/** Follows a started server through recovery, wherever it runs. */
export async function seeThroughRecovery(
  address: DatabaseAddress,
  options: Pick<Watched, 'stallTimeoutMs' | 'atTarget' | 'enough'>,
  report: Report,
  signal: AbortSignal,
): Promise<{ database: ServiceDatabase; reached: Reached; waits: boolean }> {
  const { docker, containerId } = address;
  const database = openServiceDatabase(address, signal);
  const status = await inPhase(report, 'recover', () =>
    watchRecovery({ docker, containerId, database, ...options }, report, signal),
  );
  const reached: Reached = {
    timeline: status.timeline ?? 0,
    ...(status.replayLsn === undefined ? {} : { lsn: status.replayLsn }),
    ...(status.lastCommitTime === undefined ? {} : { lastCommitTime: status.lastCommitTime }),
  };
  return { database, reached, waits: status.inRecovery };
}

/** Starts the service's containers as they were made, or lets compose make one. Gives the container that holds the server. */
async function startOn({ docker, project, service }: FoundService, signal: AbortSignal): Promise<string> {
  for (const { id, name } of service.containers) {
    if ((await containerState(docker, id)).running) throw startedMeanwhile(name);
    await startContainer(docker, id);
  }
  if (service.containers.length === 0) await startService(docker, project, service.name, signal);
  const [first] = (await resolveService(docker, project, service.name)).containers;
  if (!first) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return first.id;
}

/** A server that ran while its files changed places has part of both in its hands: it proves nothing. */
function startedMeanwhile(name: string): OdoError {
  return new OdoError('unsafeTarget', `container ${name} was started by somebody else during the exchange`, {
    hint: 'see what starts it (a scheduled job, another terminal), bring the old data back, and run the same command again',
  });
}

/** Takes ODO's settings, the spool and (unless it is to be kept) the old data away. Gives what the person should know. */
export async function cleanUp(
  engine: Pick<Engine, 'finish'>,
  options: { target: Target; archiving: Archiving; keepPrevious: boolean },
  database: ServiceDatabase,
  report: Report,
): Promise<string[]> {
  return inPhase(report, 'clean', async () => {
    const { archiving, target, keepPrevious } = options;
    const { ownWordOnArchiving: ownWord, keepArchiving } = archiving;
    const configured = await database.archivingConfigured();
    const keepOff = !ownWord && !keepArchiving && configured;
    await engine.finish({ target, keepPrevious, settings: keepOff ? 'remove-but-keep-archiving-off' : 'remove' });
    await database.reload();
    if (keepArchiving) {
      if (!configured) return [];
      return ["archiving is on, as --archive-mode keep says: see that archive_command does not lead into the original's archive"];
    }
    if (!keepOff && !ownWord) return [];
    const how = ownWord
      ? 'the replaced postgresql.auto.conf has its own word on it, which takes effect with the next restart'
      : 'to turn it on: ALTER SYSTEM RESET archive_mode, then restart the service';
    return [`archiving is off, so that the restored copy does not write into the original's archive; ${how}`];
  });
}
