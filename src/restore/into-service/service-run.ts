import { resolveService, type ServiceContainer } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { Engine } from '../contract/engine.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import type { ServiceRequest } from '../contract/request.ts';
import type { Tools } from '../procedure/restore.ts';
import type { FollowedFeeding } from '../recovery/follow-feeding.ts';
import { stopContainers } from '../recovery/service-control.ts';
import type { PreparedRehearsal } from '../rehearsal/prepare-rehearsal.ts';
import { engineOf } from '../service/engine-of.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import type { ProvenService } from './prove-service-restore.ts';

/** One restore under way, with what has to be undone if it fails. */
export interface ServiceRun extends Tools {
  request: ServiceRequest;
  proven: ProvenService;
  engine: Engine | undefined;
  /** Another container that is being opened in the place of one that has died. */
  reopening?: Promise<Engine> | undefined;
  /** The end of the run has begun: no other container is opened any more. */
  isOver?: boolean;
  /** The rehearsal, from the beginning of the laying down on, when one is wanted. */
  rehearsal: PreparedRehearsal;
  /** The job, from the beginning of the laying down on. */
  job?: LayDownJob;
  /** The feeding, from the end of the laying down on, when WAL is fed. */
  feeding: FollowedFeeding | undefined;
  /** Containers that ODO stops, from the moment it begins to. */
  stopped: readonly ServiceContainer[];
  stoppedAt: number;
  /** Volumes that ODO created. */
  made: string[];
  /** What the restore leaves out of the old data, and nothing else has; known from the exchange on. */
  leftOut?: OnlyCopy | undefined;
  /** WAL of the old data that goes on where the archive ends. */
  salvage?: Salvage | undefined;
  layingDown: boolean;
  laidDown: boolean;
  swapping: boolean;
}

/** Stops the service's containers that run, and notes that they are to be started again if the restore fails. */
export async function stopService(run: ServiceRun): Promise<void> {
  run.signal.throwIfAborted();
  const { found } = run.proven;
  const { containers } = await resolveService(found.docker, found.project, found.service.name);
  const running = containers.filter((container) => container.running);
  if (running.length === 0) return;
  run.stoppedAt = performance.now();
  run.stopped = [...run.stopped.filter(({ id }) => running.every((container) => container.id !== id)), ...running];
  await stopContainers(found, running, run.request.stopTimeoutSeconds, run.report);
}

/** Does a step that can be done twice. When the restore container is gone, does it again in another one. */
export async function onEngine<T>(run: ServiceRun, step: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = engineOf(run);
  try {
    return await step(engine);
  } catch (error) {
    if (!(error instanceof OdoError) || error.code !== 'dockerUnreachable') throw error;
    return step(await openAgain(run, engine));
  }
}

/** Opens another restore container, in place of one that is gone. All who find it gone get the same new one. */
export async function openAgain(run: ServiceRun, dead: Engine): Promise<Engine> {
  const { proven, request, version } = run;
  if (run.isOver) throw new OdoError('dockerUnreachable', 'the restore has ended');
  if (run.engine !== dead && run.engine !== undefined) return run.engine;
  run.reopening ??= dead
    .close({ forAnother: true })
    .catch(() => undefined)
    .then(() => openServiceEngine(proven.found, proven.mounts, request, { version }))
    .finally(() => {
      run.reopening = undefined;
    });
  run.engine = await run.reopening;
  return run.engine;
}

/**
 * Ends all work on the volume. A question that is under way must not open another container then: nobody would see to
 * that container's end, and it would keep the volume from the next command.
 */
export async function closeEngine(run: ServiceRun): Promise<void> {
  run.isOver = true;
  const reopened = await run.reopening?.catch(() => undefined);
  await (reopened ?? run.engine)?.close();
  run.engine = undefined;
}
