import { makeMissing } from '../docker/missing-mounts.ts';
import { asOdoError, OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import type { Salvage } from '../wal/salvage-survey.ts';
import { runAmcheck } from './amcheck.ts';
import { demandReached, explainTarget, isAtTarget, momentReport, waitingNotes } from './at-target.ts';
import type { CheckedCollations } from './check-collations.ts';
import { checkPromoted } from './check-promoted.ts';
import { archivingOf } from './configuration.ts';
import type { Engine, LaidDown, LayDownJob } from './engine.ts';
import { keptNote, salvageNotes, unaskedNotes, withLeftovers, withWayBack } from './failure-hints.ts';
import { isFed } from './feed-wal.ts';
import { followFeeding } from './follow-feeding.ts';
import type { OnlyCopy } from './judge-old-data.ts';
import { askOfOld, findOnlyCopy } from './kept-old-data.ts';
import { makeJob } from './lay-down-job.ts';
import { leaveAsBefore } from './leave-as-before.ts';
import { measureProgress } from './measure-progress.ts';
import { refuseOthersNow } from './nobody-else.ts';
import { openServiceEngine } from './open-service-engine.ts';
import { forOwnRun } from './own-run.ts';
import { runScripts } from './post-sql.ts';
import { NO_REHEARSAL, type PreparedRehearsal, prepareRehearsal } from './prepare-rehearsal.ts';
import { accountedAfter, demandWipeLosesNothing } from './prove-old-data.ts';
import { proveServiceRestore } from './prove-service-restore.ts';
import type { Plan, Receipt } from './receipt.ts';
import { openRecoveringVolume } from './recovering-volume.ts';
import { rehearsedServer } from './rehearsed-server.ts';
import { tellLag, wayToReplay } from './replay-lag.ts';
import { demandReplayedToEnd, readEndOf } from './replayed-to-end.ts';
import type { ServiceRequest } from './request.ts';
import type { RunContext } from './restore-directory.ts';
import { bringUp, cleanUp } from './service-control.ts';
import { openServiceDatabase, type ServiceDatabase } from './service-database.ts';
import { isLeftWaiting, planOfService } from './service-plan.ts';
import { closeEngine, onEngine, openAgain, type ServiceRun, stopService } from './service-run.ts';
import { hasCaughtUp, lastTimeline, standbyNotes } from './standby.ts';
import { timePhases } from './stopwatch.ts';
import { tellSalvage } from './tell-salvage.ts';
import { exchangesFirst } from './transitions.ts';

/**
 * Brings a compose service up on a backup: prove, stop, lay down, swap, start, recover, promote, clean (with `online`, the stop
 * comes just before the swap). Until the swap every failure leaves the service as it was; after it, the old data waits in
 * `.odo/previous`. A dry run gives the plan.
 */
export async function restoreService(request: ServiceRequest, context: RunContext): Promise<Plan | Receipt> {
  const startedAt = new Date().toISOString();
  const { report, phases } = timePhases(measureProgress(context.report));
  const { signal } = context;

  const held = await inPhase(report, 'prove', () => proveServiceRestore(request, report, context));
  const proven = { ...held, target: forOwnRun(held.target) };
  const { found, target } = proven;
  const run: ServiceRun = {
    request,
    proven,
    report,
    signal,
    version: context.version,
    engine: proven.engine,
    feeding: undefined,
    stopped: [],
    stoppedAt: performance.now(),
    made: [],
    layingDown: false,
    laidDown: false,
    swapping: false,
  };
  try {
    const plan = planOfService(request, proven);
    if (request.dryRun) return plan;
    if (!(await context.confirm(plan))) throw new OdoError('cancelled', 'cancelled before anything was touched');

    const laidDown = await replaceContent(run).catch(async (thrown: unknown) => {
      throw await leaveAsBefore(run, asOdoError(thrown, signal));
    });
    const restored = await proveRestored(run, laidDown).catch((thrown: unknown) => {
      const error = asOdoError(thrown, signal);
      throw withWayBack(request.moment ? explainTarget(error, request.moment, proven.source) : error, request, target, laidDown);
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
      ...(run.salvage ? { salvage: run.salvage } : {}),
      phases,
    };
    if (request.standby && restored.waits) {
      const notes = await standbyNotes({ ...request, laidDown }, proven.source.wal, openServiceDatabase(address, signal));
      return {
        ...receipt,
        finishedAt: new Date().toISOString(),
        standby: { hasPrimary: request.standby.primaryConninfo !== undefined },
        downtimeMs,
        notes: [...laidDown.overridden, ...checked, ...notes, ...salvageNotes(run.salvage)],
      };
    }
    if (request.moment && restored.waits) {
      const outcome = request.moment.action === 'shutdown' ? 'shut down' : 'paused';
      return {
        ...receipt,
        finishedAt: new Date().toISOString(),
        moment: momentReport(request.moment, proven.source, outcome),
        ...(outcome === 'paused' ? { downtimeMs } : {}),
        notes: [...laidDown.overridden, ...checked, ...waitingNotes({ ...request, laidDown }, outcome)],
      };
    }
    // From here on there is no way back, and little to do: a cancellation comes too late.
    const steady = openServiceDatabase(address, new AbortController().signal);
    const finishing: Pick<Engine, 'finish' | 'archivingConfigured'> = {
      finish: (options) => onEngine(run, (engine) => engine.finish(options)),
      archivingConfigured: (...asked) => onEngine(run, (engine) => engine.archivingConfigured(...asked)),
    };
    const { scripts } = proven;
    const archiving = archivingOf(proven.configuration);
    const onlyCopy = await onlyCopyOf(run);
    const options = {
      target,
      archiving,
      keepPrevious: request.keepPrevious,
      onlyCopy,
      service: found.service,
      request,
      reached: { timeline: reached.timeline, ...(reached.lsn === undefined ? {} : { lsn: reached.lsn }) },
    };
    const notes = await cleanUp(finishing, options, steady, report).catch((thrown: unknown) => {
      throw withLeftovers(asOdoError(thrown), request, onlyCopy);
    });
    if (restored.unasked !== undefined && request.verify === 'full') throw uncheckedByServer(restored.unasked);
    await runScripts(scripts, openServiceDatabase(address, signal), address.containerId, report, signal);
    return {
      ...receipt,
      laidDown: (await run.feeding?.addTo(laidDown)) ?? laidDown,
      finishedAt: new Date().toISOString(),
      ...(request.moment ? { moment: momentReport(request.moment, proven.source, 'promoted') } : {}),
      downtimeMs,
      ...(onlyCopy ? { onlyCopy } : {}),
      notes: [
        ...laidDown.overridden,
        ...checked,
        ...notes,
        ...salvageNotes(run.salvage),
        ...(onlyCopy ? [keptNote(onlyCopy, request)] : []),
      ],
    };
  } finally {
    run.feeding?.drop();
    // By now the outcome is known; what the engine says of its container must not take its place.
    await closeEngine(run).catch(() => undefined);
  }
}

/** From the running service to the new content in place and the service stopped. */
async function replaceContent(run: ServiceRun): Promise<LaidDown> {
  const { request, proven, signal } = run;
  const rehearsal = request.rehearsal ? prepareRehearsal(() => rehearsedServer(request, proven), signal) : NO_REHEARSAL;
  try {
    return await layDownAndSwap(run, rehearsal);
  } finally {
    await rehearsal.end();
  }
}

async function layDownAndSwap(run: ServiceRun, rehearsal: PreparedRehearsal): Promise<LaidDown> {
  const { request, proven, report, signal } = run;
  const { found, target } = proven;
  // A former restore that is taken back first exchanges content, and never below a server.
  const isStopped = !request.online || exchangesFirst(proven.probe?.situation);
  if (isStopped) await stopService(run);
  const engine = await openOnAll(run);
  // A server that is left waiting may need any of its WAL again when nobody is there to fetch it.
  const fed = isLeftWaiting(request) ? {} : { spoolBytes: request.spoolBytes };
  const job = { ...makeJob(request, proven), ...fed, ...keptFromTheBeginning(run), stopped: isStopped };
  if (!request.online) run.salvage = await takeSalvage(engine, job, report, signal);
  const look = { engine, target, source: proven.source, isInUse: false, signal };
  await demandWipeLosesNothing(look, request, run.salvage);
  run.layingDown = true;
  const laid = await engine.layDown(job, report, signal);
  run.laidDown = true;
  if (isFed(job)) run.feeding = followFeeding(engine, (dead) => openAgain(run, dead), job, report);
  signal.throwIfAborted();
  const laidDown = { ...laid, overridden: [...laid.overridden, ...(await rehearsal.hold(engine, report))] };
  const cleared = rehearsal.end();
  signal.throwIfAborted();
  // Also when it was stopped before: while the backup was laid down, somebody or something may have started it again.
  await stopService(run);
  // Hours may have passed since the proofs.
  await refuseOthersNow(found, proven.mounts, (await engine.probe(target)).pgdata);
  if (request.online) run.salvage = await takeSalvage(engine, job, report, signal);
  run.feeding?.demandWell();
  await cleared;
  run.swapping = true;
  await inPhase(report, 'swap', () => engine.swap(target));
  return laidDown;
}

/** Somebody else may promote the server, or this run may be broken off: then the archive is not there to look into. */
function keptFromTheBeginning({ request, proven }: ServiceRun): Pick<LayDownJob, 'keptBecause' | 'allowDifferentCluster'> {
  const { onlyCopy } = proven.oldData;
  const allowed = request.allowDifferentCluster ? { allowDifferentCluster: true } : {};
  return staysSo(onlyCopy, request) ? { keptBecause: onlyCopy.because } : allowed;
}

/** The engine over all mounts; those that were not there at the proofs are made first, as compose would make them. */
async function openOnAll(run: ServiceRun): Promise<Engine> {
  const { request, proven, version } = run;
  const { docker, project } = proven.found;
  if (run.engine && proven.missing.length === 0) return run.engine;
  await run.engine?.close();
  run.engine = undefined;
  for (const mount of proven.missing) {
    const volume = await makeMissing(docker, project, mount, request.target.image);
    if (volume !== undefined) run.made.push(volume);
  }
  run.engine = await openServiceEngine(proven.found, proven.mounts, request, { version });
  return run.engine;
}

/** The service starts on the new content, recovers all of it, and holds what it should. */
async function proveRestored(run: ServiceRun, laidDown: LaidDown) {
  const { request, proven, report, signal } = run;
  const { moment, stallTimeoutMs } = request;
  const isToWait = isLeftWaiting(request);
  const options = {
    stallTimeoutMs,
    atTarget: isToWait ? ('wait' as const) : ('promote' as const),
    volume: openRecoveringVolume((step) => onEngine(run, step), proven.target, proven.found.service),
    ...(request.standby ? { enough: hasCaughtUp(proven.source.wal, run.salvage) } : {}),
    ...(moment ? { isAtTarget: isAtTarget(moment, proven.source) } : {}),
  };
  const way = wayToReplay(proven.source, run.salvage);
  const recover = (until: AbortSignal) => bringUp(proven.found, options, tellLag(report, way), until);
  const restored = await (run.feeding?.during(signal, recover) ?? recover(signal));
  const { address, database, waits, unasked } = restored;
  const downtimeMs = Math.round(performance.now() - run.stoppedAt);
  // A server in recovery does not say on which timeline it is.
  const timeline = waits ? (proven.source.moment?.timeline ?? lastTimeline(proven.source)) : undefined;
  const reached = { ...restored.reached, ...(timeline === undefined ? {} : { timeline }) };
  const toEnd = { reached, salvage: run.salvage, waits };
  const untold: string[] = [];
  if (moment) demandReached(moment, proven.source, reached);
  else untold.push(...(await demandReplayedToEnd(proven.source.wal, toEnd, readEndOf(request, proven.source, signal))));
  // Of a server that waits it is asked when it is promoted.
  const collations =
    waits || unasked !== undefined ? undefined : await checkPromoted(database, { ...proven.server, isCopy: false }, report);
  const checked = [
    ...untold,
    ...(unasked === undefined ? [] : unaskedNotes(unasked, waits)),
    ...(collations?.notes ?? []),
    ...(await checkRestored(run, laidDown, collations && { database, collations })),
  ];
  signal.throwIfAborted();
  if (waits && moment?.action === 'shutdown') await stopService(run);
  if (moment && isToWait && !waits)
    checked.push('the server did not wait at the target, since it could not be asked yet: it is promoted');
  return { address, reached, downtimeMs, checked, waits, unasked };
}

/** What the old data has of the WAL behind the end of the archive. */
async function takeSalvage(engine: Engine, job: LayDownJob, report: Report, signal: AbortSignal): Promise<Salvage | undefined> {
  if (!job.salvage) return undefined;
  const survey = await engine.takeSalvage(job, report, signal);
  tellSalvage(survey, report);
  return survey?.salvage;
}

/** Whether the old data has to be kept, asked for or not: why. */
async function onlyCopyOf(run: ServiceRun): Promise<OnlyCopy | undefined> {
  const { request, proven } = run;
  const { source, target } = proven;
  if (request.wipe) return undefined;
  if (staysSo(proven.oldData.onlyCopy, request)) return proven.oldData.onlyCopy;
  const engine = {
    surveyOld: (...asked: Parameters<Engine['surveyOld']>) => onEngine(run, (engine) => engine.surveyOld(...asked)),
  };
  const { wal } = source;
  const { acceptLoss, allowDifferentCluster } = request;
  const isOwnLeftOut = acceptLoss || request.moment !== undefined || wal.source === 'included';
  const asked = askOfOld({ isOwnLeftOut, allowDifferentCluster });
  const found = await findOnlyCopy(engine, target, asked, wal.source === 'included' ? [] : accountedAfter(wal));
  return found?.isUnread && acceptLoss ? undefined : found;
}

/** Whose it is, and that it has gone another way than the archive, is not seen otherwise after the restore, or by others. */
function staysSo(onlyCopy: OnlyCopy | undefined, { acceptLoss }: ServiceRequest): onlyCopy is OnlyCopy {
  return onlyCopy?.isOfAnother === true || (onlyCopy?.hasDiverged === true && !acceptLoss);
}

/** The restore is good, but not all that was asked for has been done. */
function uncheckedByServer(unasked: string): OdoError {
  return new OdoError('promotionNotSeen', `pg_amcheck, which --verify full asks for, could not log in: ${unasked}`, {
    hint: 'the restore itself has succeeded, the server was promoted, and the pages that were suspect are right; run pg_amcheck --all by hand',
  });
}

/** With verify full: what can only be judged after recovery. Gives notes. */
async function checkRestored(
  run: ServiceRun,
  laidDown: LaidDown,
  promoted: { database: ServiceDatabase; collations: CheckedCollations } | undefined,
): Promise<string[]> {
  if (run.request.verify !== 'full') return [];
  return inPhase(run.report, 'check', async () => {
    const suspects = laidDown.verified?.suspects ?? [];
    await onEngine(run, (engine) => engine.recheckPages(run.proven.target, suspects));
    // It needs an extension, which a server in recovery cannot get, and a login.
    if (!promoted) return ['pg_amcheck is left out, since the server waits in recovery or turns ODO down'];
    const note = await runAmcheck(promoted.database, promoted.collations);
    return note === undefined ? [] : [note];
  });
}
