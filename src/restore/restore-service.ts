import { startContainer } from '../docker/container.ts';
import { resolveService, type ServiceContainer } from '../docker/service.ts';
import { createVolume, removeVolume } from '../docker/volume.ts';
import { asOdoError, OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import { type Moment, targetWords } from '../postgres/recovery-target.ts';
import { runAmcheck } from './amcheck.ts';
import { demandReached, explainTarget, momentReport, waitingNotes } from './at-target.ts';
import { checkCollations } from './check-collations.ts';
import { archivingOf } from './configuration.ts';
import type { Engine, LaidDown } from './engine.ts';
import { isResumable, withKeptStaging, withLeftovers, withWayBack } from './failure-hints.ts';
import { isFed } from './feed-wal.ts';
import { type FollowedFeeding, followFeeding } from './follow-feeding.ts';
import { makeJob } from './lay-down-job.ts';
import { measureProgress } from './measure-progress.ts';
import { openServiceEngine } from './open-service-engine.ts';
import { runScripts } from './post-sql.ts';
import { type ProvenService, proveServiceRestore } from './prove-service-restore.ts';
import { type Plan, type Receipt, summarize } from './receipt.ts';
import { tellLag, wayToReplay } from './replay-lag.ts';
import { demandReplayedToEnd } from './replayed-to-end.ts';
import type { ServiceRequest } from './request.ts';
import type { RunContext } from './restore-directory.ts';
import { bringUp, cleanUp, stopContainers } from './service-control.ts';
import { openServiceDatabase, type ServiceDatabase } from './service-database.ts';
import { hasCaughtUp, lastTimeline, standbyNotes } from './standby.ts';
import { timePhases } from './stopwatch.ts';

/** One restore under way, with what has to be undone if it fails. */
interface Run {
  request: ServiceRequest;
  proven: ProvenService;
  report: Report;
  signal: AbortSignal;
  engine: Engine | undefined;
  /** Another container that is being opened in the place of one that has died. */
  reopening?: Promise<Engine> | undefined;
  /** From the end of the laying down on, where WAL is fed. */
  feeding: FollowedFeeding | undefined;
  /** Containers that ODO stops, from the moment it begins to. */
  stopped: readonly ServiceContainer[];
  stoppedAt: number;
  /** Volumes that ODO created. */
  made: string[];
  layingDown: boolean;
  swapping: boolean;
}

/**
 * Brings a compose service up on a backup: prove, stop, lay down, swap, start, recover, promote, clean (with `online`, the stop
 * comes just before the swap). Until the swap every failure leaves the service as it was; after it, the old data waits in
 * `.odo/previous`. A dry run gives the plan.
 */
export async function restoreService(request: ServiceRequest, context: RunContext): Promise<Plan | Receipt> {
  const startedAt = new Date().toISOString();
  const { report, phases } = timePhases(measureProgress(context.report));
  const { signal } = context;

  const proven = await inPhase(report, 'prove', () => proveServiceRestore(request, report, context));
  const { found, target } = proven;
  const run: Run = {
    request,
    proven,
    report,
    signal,
    engine: proven.engine,
    feeding: undefined,
    stopped: [],
    stoppedAt: performance.now(),
    made: [],
    layingDown: false,
    swapping: false,
  };
  try {
    const plan = planOf(request, proven);
    if (request.dryRun) return plan;
    if (!(await context.confirm(plan))) throw new OdoError('cancelled', 'cancelled before anything was touched');

    const laidDown = await replaceContent(run, context.version).catch(async (thrown: unknown) => {
      throw await leaveAsBefore(run, asOdoError(thrown, signal), context.version);
    });
    const restored = await proveRestored(run, context.version, laidDown).catch((thrown: unknown) => {
      const error = asOdoError(thrown, signal);
      throw withWayBack(request.moment ? explainTarget(error, request.moment, proven.source) : error, request, target);
    });
    const { address, reached, downtimeMs, checked } = restored;
    const receipt = {
      kind: 'receipt' as const,
      odoVersion: context.version,
      startedAt,
      backup: plan.backup,
      dataDirectory: target.pgdata.root,
      volume: found.data.mount.source,
      service: found.service.name,
      reached,
      laidDown,
      phases,
    };
    if (request.standby && restored.waits) {
      const notes = await standbyNotes(request, openServiceDatabase(address, signal));
      return {
        ...receipt,
        finishedAt: new Date().toISOString(),
        standby: { hasPrimary: request.standby.primaryConninfo !== undefined },
        downtimeMs,
        notes: [...laidDown.overridden, ...checked, ...notes],
      };
    }
    if (request.moment && restored.waits) {
      const outcome = request.moment.action === 'shutdown' ? 'shut down' : 'paused';
      return {
        ...receipt,
        finishedAt: new Date().toISOString(),
        moment: momentReport(request.moment, proven.source, outcome),
        ...(outcome === 'paused' ? { downtimeMs } : {}),
        notes: [...laidDown.overridden, ...checked, ...waitingNotes(request, outcome)],
      };
    }
    // From here on there is no way back, and little to do: a cancellation comes too late.
    const steady = openServiceDatabase(address, new AbortController().signal);
    const finish: Engine['finish'] = (options) => onEngine(run, context.version, (engine) => engine.finish(options));
    const { scripts } = proven;
    const archiving = archivingOf(proven.configuration);
    const notes = await cleanUp({ finish }, { target, archiving, keepPrevious: request.keepPrevious }, steady, report).catch(
      (thrown: unknown) => {
        throw withLeftovers(asOdoError(thrown), request);
      },
    );
    await runScripts(scripts, openServiceDatabase(address, signal), address.containerId, report, signal);
    return {
      ...receipt,
      laidDown: (await run.feeding?.addTo(laidDown)) ?? laidDown,
      finishedAt: new Date().toISOString(),
      ...(request.moment ? { moment: momentReport(request.moment, proven.source, 'promoted') } : {}),
      downtimeMs,
      notes: [...laidDown.overridden, ...checked, ...notes],
    };
  } finally {
    run.feeding?.drop();
    // By now the outcome is known; what the engine says of its container must not take its place.
    await run.engine?.close().catch(() => undefined);
  }
}

/** From the running service to the new content in place and the service stopped. */
async function replaceContent(run: Run, version: string): Promise<LaidDown> {
  const { request, proven, report, signal } = run;
  const { found, target } = proven;
  if (!request.online) await stop(run);
  if (!run.engine) {
    run.made.push(await createVolume(found.docker, found.project, found.data.mount.source));
    run.engine = await openServiceEngine(found, proven.mounts, request, { version });
  }
  const engine = run.engine;
  // A server that is left waiting may need any of its WAL again when nobody is there to fetch it.
  const fed = isLeftWaiting(request) ? {} : { spoolBytes: request.spoolBytes };
  const job = { ...(await makeJob(request, proven)), ...fed };
  run.layingDown = true;
  const laidDown = await engine.layDown(job, report, signal);
  if (isFed(job)) run.feeding = followFeeding(engine, (dead) => openAgain(run, dead, version), job, report);
  signal.throwIfAborted();
  // Also when it was stopped before: while the backup was laid down, somebody or something may have started it again.
  await stop(run);
  run.feeding?.demandWell();
  run.swapping = true;
  await inPhase(report, 'swap', () => engine.swap(target));
  return laidDown;
}

/** The service starts on the new content, recovers all of it, and holds what it should. */
async function proveRestored(run: Run, version: string, laidDown: LaidDown) {
  const { request, proven, report, signal } = run;
  const { moment, stallTimeoutMs } = request;
  const isToWait = isLeftWaiting(request);
  const options = {
    stallTimeoutMs,
    atTarget: isToWait ? ('wait' as const) : ('promote' as const),
    ...(request.standby ? { enough: hasCaughtUp(proven.source.wal) } : {}),
  };
  const recover = (until: AbortSignal) => bringUp(proven.found, options, tellLag(report, wayToReplay(proven.source)), until);
  const restored = await (run.feeding?.during(signal, recover) ?? recover(signal));
  const { address, database, waits } = restored;
  const downtimeMs = Math.round(performance.now() - run.stoppedAt);
  // A server in recovery does not say on which timeline it is.
  const timeline = waits ? (proven.source.moment?.timeline ?? lastTimeline(proven.source)) : undefined;
  const reached = { ...restored.reached, ...(timeline === undefined ? {} : { timeline }) };
  if (moment) demandReached(moment, proven.source, reached);
  else demandReplayedToEnd(proven.source.wal, reached);
  const checked = await checkRestored(run, version, laidDown, waits ? undefined : database);
  signal.throwIfAborted();
  // Of a server that waits it is asked when it is promoted.
  if (!waits) checked.push(...(await checkCollations(database, report)));
  if (waits && moment?.action === 'shutdown') await stop(run);
  if (moment && isToWait && !waits)
    checked.push('the server did not wait at the target, since it could not be asked yet: it is promoted');
  return { address, reached, downtimeMs, checked, waits };
}

/** With verify full: what can only be judged after recovery. Gives notes. */
async function checkRestored(
  run: Run,
  version: string,
  laidDown: LaidDown,
  database: ServiceDatabase | undefined,
): Promise<string[]> {
  if (run.request.verify !== 'full') return [];
  return inPhase(run.report, 'check', async () => {
    const suspects = laidDown.verified?.suspects ?? [];
    await onEngine(run, version, (engine) => engine.recheckPages(run.proven.target, suspects));
    // It needs an extension, which a server in recovery cannot get.
    if (!database) return ['pg_amcheck is left out, since the server waits in recovery'];
    const note = await runAmcheck(database);
    return note === undefined ? [] : [note];
  });
}

async function stop(run: Run): Promise<void> {
  run.signal.throwIfAborted();
  const { found } = run.proven;
  const { containers } = await resolveService(found.docker, found.project, found.service.name);
  const running = containers.filter((container) => container.running);
  if (running.length === 0) return;
  run.stoppedAt = performance.now();
  run.stopped = [...run.stopped.filter(({ id }) => running.every((container) => container.id !== id)), ...running];
  await stopContainers(found, running, run.request.stopTimeoutSeconds, run.report);
}

/**
 * After a failure before the end of the swap: the old content is in place again, the service comes back if ODO had stopped it, and
 * what was laid down stays for resuming where that makes sense. Gives the error with what to do next.
 */
async function leaveAsBefore(run: Run, error: OdoError, version: string): Promise<OdoError> {
  const { request, proven, stopped } = run;
  const { docker } = proven.found;
  // Or it would go on in a new container, if this one is what has failed.
  run.feeding?.drop();
  const kept = !run.swapping && !request.discard && isResumable(error);
  const wiped = run.layingDown && request.wipe;
  let isBack = true;
  // The restore container may be the very thing that failed; the next run settles what it left.
  if (run.swapping) isBack = await succeeds(onEngine(run, version, (engine) => engine.rollback(proven.target)));
  else if (run.layingDown && !kept) await succeeds(run.engine?.discard(proven.target));
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

/** Does what can be done twice; when the restore container is gone, in another one. */
async function onEngine<T>(run: Run, version: string, step: (engine: Engine) => Promise<T>): Promise<T> {
  if (!run.engine) throw new OdoError('bug', 'no restore container was opened');
  try {
    return await step(run.engine);
  } catch (error) {
    if (!(error instanceof OdoError) || error.code !== 'dockerUnreachable') throw error;
    return step(await openAgain(run, run.engine, version));
  }
}

function recoveryWords(moment: Moment | undefined): string {
  if (!moment) return 'see it through recovery and promotion';
  const then = { promote: 'and promotion', pause: 'and leave it waiting there', shutdown: 'and shut it down there' }[
    moment.action
  ];
  return `see it through recovery to ${targetWords(moment)} ${then}`;
}

function isLeftWaiting({ moment, standby }: ServiceRequest): boolean {
  if (standby) return true;
  return moment !== undefined && moment.action !== 'promote';
}

/** Another restore container, in place of one that is gone; the same for all who find it gone. */
async function openAgain(run: Run, dead: Engine, version: string): Promise<Engine> {
  const { proven, request } = run;
  if (run.engine !== dead && run.engine !== undefined) return run.engine;
  run.reopening ??= dead
    .close()
    .catch(() => undefined)
    .then(() => openServiceEngine(proven.found, proven.mounts, request, { version }))
    .finally(() => {
      run.reopening = undefined;
    });
  run.engine = await run.reopening;
  return run.engine;
}

function planOf(request: ServiceRequest, { found, source, target, owner, proofs }: ProvenService): Plan {
  const { service, data } = found;
  const running = service.containers.some((container) => container.running);
  const stopping = running ? [`stop service ${service.name}`] : [];
  const layingDown = [
    ...(request.wipe ? [`DELETE the old data in ${target.pgdata.root}`] : []),
    `lay backup ${source.backup.id} down in ${target.pgdata.odoDir}${request.wipe ? '' : ', beside the old data'}`,
    ...(request.keepSettings
      ? []
      : ["override settings of the backup that do not fit the service's server (the receipt names them)"]),
    request.replaceConf === undefined ? 'keep its postgresql.auto.conf' : 'replace its postgresql.auto.conf',
  ];
  return {
    kind: 'plan',
    backup: summarize(source.backup),
    wal: source.wal,
    dataDirectory: target.pgdata.root,
    tablespaces: target.tablespaces.map(({ oid, place }) => ({ oid, location: place.root })),
    volume: data.mount.source,
    service: service.name,
    owner,
    steps: [
      ...(request.online ? [...layingDown, ...stopping] : [...stopping, ...layingDown]),
      `exchange the content of ${target.pgdata.root}`,
      `start service ${service.name}, ${request.standby ? 'see it replay the archive, and leave it a standby' : recoveryWords(request.moment)}`,
      request.keepPrevious || isLeftWaiting(request)
        ? `keep the old data in ${target.pgdata.odoDir}/previous`
        : 'remove the old data',
    ],
    proofs,
  };
}
