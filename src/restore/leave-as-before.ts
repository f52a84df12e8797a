import { startContainer } from '../docker/container.ts';
import { removeVolume } from '../docker/volume.ts';
import type { OdoError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { isResumable, withKeptStaging, withWayBack } from './failure-hints.ts';
import { onEngine, type ServiceRun } from './service-run.ts';

/**
 * After a failure before the end of the swap: the old content is in place again, the service comes back if ODO had stopped it, and
 * what was laid down stays for resuming where that makes sense. Gives the error with what to do next.
 */
export async function leaveAsBefore(run: ServiceRun, error: OdoError): Promise<OdoError> {
  const { request, proven, stopped } = run;
  const { docker } = proven.found;
  // Or it would go on in a new container, if this one is what has failed.
  run.feeding?.drop();
  let kept = !request.discard && isResumable(error);
  const wiped = run.layingDown && request.wipe;
  let isBack = true;
  // The restore container may be the very thing that failed; the next run settles what it left.
  if (run.swapping) {
    const undo = async (engine: Engine) =>
      kept ? engine.takeBack(proven.target) : engine.rollback(proven.target).then(() => false);
    const undone = onEngine(run, undo).then((isKept) => {
      kept = isKept;
    });
    isBack = await succeeds(undone);
  } else if (run.layingDown && !kept) await succeeds(run.engine?.discard(proven.target));
  await run.engine?.close().catch(() => undefined);
  run.engine = undefined;
  // On half of its data a server must not be started; in a directory that is empty for the moment it would even begin a new cluster.
  if (!isBack) return withWayBack(error, request, proven.target);
  if (!kept) for (const volume of run.made) await removeVolume(docker, volume);
  // On a wiped volume a server would find no data and begin a new, empty cluster.
  if (!request.leaveStopped && !wiped) for (const { id } of stopped) await startContainer(docker, id);
  return run.layingDown
    ? withKeptStaging(error, { kept, wiped, odoDir: proven.target.pgdata.odoDir, removal: 'odo clean' })
    : error;
}

async function succeeds(work: Promise<unknown> | undefined): Promise<boolean> {
  if (work === undefined) return false;
  return work.then(
    () => true,
    () => false,
  );
}
