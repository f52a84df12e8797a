import { startContainer, stopContainer } from '../docker/container.ts';
import type { SwitchedMount } from '../docker/override-file.ts';
import { inPhase } from '../events.ts';
import type { TargetProbe } from '../target/probe.ts';
import { demandService } from './prove-service.ts';
import type { ServiceTarget } from './request.ts';
import type { RunContext } from './restore-directory.ts';
import { forgetStrayed, ownMounts, switchBack } from './switch-service.ts';
import { openOnJournal } from './volume-commands.ts';

/** What a rollback did, as plain JSON. */
export interface Rollback {
  kind: 'rollback';
  volume: string;
  service: string;
  dataDirectory: string;
  /** False: there was nothing to put back, and no data was changed. */
  rolledBack: boolean;
  /** The service did not run before, or was stopped for the rollback, and runs now. */
  started: boolean;
}

/** A server that comes back on its own data has nothing to recover but its last moments. */
const STALL_TIMEOUT_MS = 600_000;

/** Puts the data back that was there before the last restore, or the service back on its old volume, and starts the service on it. */
export async function rollbackService(
  request: { target: ServiceTarget; stopTimeoutSeconds: number },
  context: Omit<RunContext, 'confirm'>,
): Promise<Rollback> {
  const { report, signal } = context;
  const found = await inPhase(report, 'prove', () => demandService(request.target, context, { alone: true, mayStray: true }));
  const { docker, service, data } = found;
  const result: Rollback = {
    kind: 'rollback',
    volume: data.mount.source,
    service: service.name,
    dataDirectory: data.place.root,
    rolledBack: false,
    started: false,
  };
  let switched: SwitchedMount | undefined;
  const { engine, place } = await openOnJournal(found, request.target, context.version);
  try {
    const { pgdata } = await engine.probe(place);
    if (hasWayBack(pgdata)) {
      await inPhase(report, 'stop', () =>
        Promise.all(
          service.containers.map(({ id, running }) => running && stopContainer(docker, id, request.stopTimeoutSeconds)),
        ),
      );
      result.rolledBack = await inPhase(report, 'swap', () => engine.rollback(place));
    } else if (!found.strayed && ownMounts(found).length > 0 && pgdata.journalState === undefined) {
      switched = ownMounts(found).find(({ destination }) => destination === data.mount.destination);
    } else if (pgdata.pgVersion === undefined) {
      // Without a data directory a server would begin a new, empty cluster.
      return result;
    }
  } finally {
    await engine.close();
  }
  // The service stays on what its container says, which the override has to say from now on, too.
  if (found.strayed) await forgetStrayed(found);
  if (switched) {
    const { target, stopTimeoutSeconds } = request;
    const how = { target, stopTimeoutSeconds, stallTimeoutMs: STALL_TIMEOUT_MS, version: context.version };
    return { ...result, volume: await switchBack(found, how, report, signal), rolledBack: true };
  }
  // Also when there was nothing to put back: a run that was killed may have left the service stopped on its old data.
  await inPhase(report, 'start', () => Promise.all(service.containers.map(({ id }) => startContainer(docker, id))));
  const stoodStill = service.containers.some(({ running }) => !running);
  result.started = result.rolledBack ? service.containers.length > 0 : stoodStill;
  return result;
}

/** Whether older data waits on the volume, or an exchange was interrupted that has to be undone. */
function hasWayBack(pgdata: TargetProbe): boolean {
  if (pgdata.journalState === undefined || pgdata.journalState === 'clearing') return false;
  return pgdata.hasPrevious || ['moving-out', 'moving-in', 'moving-back'].includes(pgdata.journalState);
}
