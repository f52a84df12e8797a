import { makeMissing } from '../../docker/compose/missing-mounts.ts';
import { OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';
import { isFed, type LaidDown, type LayDownJob, type OldDataWish } from '../contract/lay-down-job.ts';
import { isLeftWaiting } from '../contract/request.ts';
import { makeJob } from '../procedure/make-lay-down-job.ts';
import { takeAlong } from '../procedure/take-along.ts';
import { demandWipeLosesNothing, findLeftOut } from '../proofs/prove-old-data.ts';
import { followFeeding } from '../recovery/follow-feeding.ts';
import { prepareRehearsal } from '../rehearsal/prepare-rehearsal.ts';
import { rehearsedServer } from '../rehearsal/rehearsed-server.ts';
import { engineOf } from '../service/engine-of.ts';
import { refuseOthersNow } from '../service/nobody-else.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { exchangesFirst } from '../volume/transitions.ts';
import { staysSo } from './only-copy.ts';
import { openAgain, type ServiceRun, stopService } from './service-run.ts';

/**
 * Lays the backup down beside the data of the service, until it is complete. The service is stopped first, unless
 * `online`.
 */
export async function layDownForService(run: ServiceRun): Promise<LaidDown> {
  const { request, proven, report, signal } = run;
  const { places } = proven;
  // A service that does not run is away from now on.
  run.stoppedAt = performance.now();
  if (request.rehearsal) run.rehearsal = prepareRehearsal(() => rehearsedServer(request, proven), signal);
  // Taking a former restore back exchanges content first, and never below a server.
  const isStopped = !request.online || exchangesFirst(proven.probe?.situation);
  if (isStopped) await stopService(run);
  const engine = await openOnAll(run);
  const job = jobOf(run, isStopped);
  run.job = job;
  if (!request.online) run.salvage = await takeAlong(engine, job, report, signal);
  const look = { engine, places, source: proven.source, isInUse: false, signal };
  await demandWipeLosesNothing(look, request, run.salvage);
  run.layingDown = true;
  const laid = await engine.layDown(job, report, signal);
  run.laidDown = true;
  if (isFed(job)) run.feeding = followFeeding(engine, (dead) => openAgain(run, dead), job, report);
  signal.throwIfAborted();
  const overridden = [...laid.overridden, ...(await run.rehearsal.hold(engine, report))];
  // The rehearsal goes while the service is being stopped.
  void run.rehearsal.end();
  return { ...laid, overridden };
}

/** Stops the service, demands that nobody else uses its volume, and puts what was laid down in the old data's place. */
export async function exchangeContent(run: ServiceRun): Promise<void> {
  const { request, proven, report, signal, job } = run;
  const { found, places } = proven;
  if (!job) throw new OdoError('bug', 'nothing was laid down');
  // The engine that has laid it down: the exchange asks what that engine knows of errors in writing.
  const engine = engineOf(run);
  // Also when the service was stopped before: somebody may have started it while the backup was laid down.
  await stopService(run);
  // Hours may have passed since the proofs.
  await refuseOthersNow(found, proven.mounts, (await engine.probe(places)).pgdata);
  if (request.online) run.salvage = await takeAlong(engine, job, report, signal);
  run.leftOut = await findLeftOut({ engine, places, source: proven.source, isInUse: false, signal }, request);
  run.feeding?.demandWell();
  run.swapping = true;
  const { keptBecause = run.leftOut?.because } = keptFromTheBeginning(run);
  await inPhase(report, 'swap', () => engine.swap(places, keptBecause === undefined ? {} : { keptBecause }));
  // It only reads, and not what is exchanged. The service's own container comes when it is gone.
  await run.rehearsal.end();
}

function jobOf(run: ServiceRun, isStopped: boolean): LayDownJob {
  const { request, proven } = run;
  // A server that is left waiting may need any of its WAL again when nobody is there to fetch it.
  const fed = isLeftWaiting(request) ? {} : { spoolBytes: request.spoolBytes };
  const made = makeJob(request, proven);
  return {
    ...made,
    recovery: { ...made.recovery, ...fed },
    oldData: { ...made.oldData, ...keptFromTheBeginning(run), stopped: isStopped },
  };
}

/**
 * What the journal says of the old data from the beginning. Somebody else may promote the server, or this run may be
 * broken off: then the archive is not there to look into.
 */
function keptFromTheBeginning({
  request,
  proven,
}: ServiceRun): Pick<OldDataWish, 'keptBecause' | 'allowDifferentCluster'> {
  const { onlyCopy } = proven.oldData;
  const allowed = request.allowDifferentCluster ? { allowDifferentCluster: true } : {};
  return staysSo(onlyCopy, request) ? { keptBecause: onlyCopy.because } : allowed;
}

/**
 * Opens the engine over all mounts. Those that were missing at the proofs are made first, as compose would make them.
 */
async function openOnAll(run: ServiceRun): Promise<Engine> {
  const { request, proven, version } = run;
  const { docker, project } = proven.found;
  if (run.engine && proven.missing.length === 0) return run.engine;
  await run.engine?.close();
  run.engine = undefined;
  for (const mount of proven.missing) {
    const volume = await makeMissing(docker, project, mount, request.serviceRef.image);
    if (volume !== undefined) run.made.push(volume);
  }
  run.engine = await openServiceEngine(proven.found, proven.mounts, request, { version });
  return run.engine;
}
