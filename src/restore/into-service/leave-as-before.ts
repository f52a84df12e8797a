import { removeVolumes } from '../../docker/compose/volume.ts';
import type { OdoError } from '../../errors.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Engine } from '../contract/engine.ts';
import { isResumable, withHints, withKeptStaging, withWayBack } from '../outcome/failure-hints.ts';
import { startAgain } from '../service/start-again.ts';
import { exchangesFirst } from '../volume/transitions.ts';
import { closeEngine, onEngine, type ServiceRun } from './service-run.ts';

/**
 * Undoes a restore that has failed before the end of the swap. Puts the old content back in place. Starts the service
 * again, if ODO had stopped it. Keeps what was laid down when the same command can go on from it. Gives the error with
 * what to do next.
 */
export async function leaveAsBefore(run: ServiceRun, error: OdoError): Promise<OdoError> {
  const { request, proven, stopped } = run;
  const { docker } = proven.found;
  await run.rehearsal.end();
  // Otherwise the feeding would go on in a new container, if this one is what has failed.
  run.feeding?.drop();
  let kept = !request.discard && isResumable(error);
  const wiped = run.layingDown && request.wipe;
  let isBack = true;
  // The restore container may be the very thing that failed; the next run settles what it left.
  if (run.swapping) {
    const undo = async (engine: Engine) => {
      const isStaged = await engine.takeBack(proven.places);
      if (isStaged && !kept) await engine.discard(proven.places);
      return isStaged && kept;
    };
    const undone = onEngine(run, undo).then((isKept) => {
      kept = isKept;
    });
    isBack = await succeeds(undone);
  } else if (run.layingDown && !kept) await succeeds(run.engine?.discard(proven.places));
  const now = run.layingDown ? await lookAgain(run) : undefined;
  await closeEngine(run).catch(() => undefined);
  if (isOthers(run, now)) return withHints(error, [leftToTheOther(run)]);
  // On half of its data a server must not be started. In a directory that is empty for the moment it would begin a new
  // cluster.
  if (!isBack) return withWayBack(error, request, proven.places);
  // Failures from here on are told besides the first error, which is why all this is done.
  const troubles = kept ? [] : await removeVolumes(docker, run.made);
  const mayStart = isStartable(run, now);
  // Where there is no data in place, a server would begin a new, empty cluster.
  if (!request.leaveStopped && mayStart) troubles.push(...(await startAgain(proven.found, stopped)));
  const odoDir = proven.places.pgdata.odoDir;
  // Nothing is kept by a run that was ended before it had begun to lay down.
  const hasKept = kept && now?.journalState !== undefined;
  const told = run.layingDown
    ? withKeptStaging(error, { kept: hasKept, wiped, isVacant: !mayStart, odoDir, removal: 'odo clean' })
    : error;
  return withHints(told, troubles);
}

/** What is in place by now; undefined when nobody can tell. */
async function lookAgain(run: ServiceRun): Promise<PlaceProbe | undefined> {
  return onEngine(run, async (engine) => (await engine.probe(run.proven.places)).pgdata).catch(() => undefined);
}

/**
 * Whether a server may be started on what is in place. When nobody can tell, it goes by what was there before and what
 * has been done since.
 */
function isStartable({ request, proven, layingDown }: ServiceRun, now: PlaceProbe | undefined): boolean {
  // The service was stopped, and nothing else was done.
  if (!layingDown) return true;
  if (now) return now.startable === true;
  const { startable = false, situation } = proven.probe ?? {};
  return startable && !request.wipe && !exchangesFirst(situation);
}

/**
 * Whether another run has taken over what this one had laid down. Then the places and the service are that run's
 * affair.
 */
function isOthers({ proven, laidDown }: ServiceRun, now: PlaceProbe | undefined): boolean {
  return laidDown && now?.journalRunId !== undefined && now.journalRunId !== proven.places.runId;
}

function leftToTheOther({ proven }: ServiceRun): string {
  const { odoDir } = proven.places.pgdata;
  return `service ${proven.found.service.name} is left as it is, since another odo works in ${odoDir} by now`;
}

async function succeeds(work: Promise<unknown> | undefined): Promise<boolean> {
  if (work === undefined) return false;
  return work.then(
    () => true,
    () => false,
  );
}
