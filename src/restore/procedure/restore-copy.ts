import { randomBytes } from 'node:crypto';
import { removeContainer, stopContainer } from '../../docker/client/container.ts';
import { listCopyServers, startCopyServer } from '../../docker/containers/copy-server.ts';
import { COPY_KIND_LABEL, COPY_LABEL, createCopyVolume } from '../../docker/containers/copy-volume.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import { measureProgress } from '../../progress/measure-progress.ts';
import { timePhases } from '../../progress/stopwatch.ts';
import type { Engine } from '../contract/engine.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { CopyRequest } from '../contract/request.ts';
import { runAmcheck } from '../database/amcheck.ts';
import type { CheckedCollations } from '../database/check-collations.ts';
import { checkPromoted } from '../database/check-promoted.ts';
import { runScripts } from '../database/post-sql.ts';
import { type DatabaseAddress, openServiceDatabase, type ServiceDatabase } from '../database/service-database.ts';
import { demandReached, explainTarget, momentReport } from '../outcome/at-target.ts';
import { projectCommand } from '../outcome/compose-command.ts';
import { commandFor, isResumable, unaskedNotes, withHints, withKeptStaging } from '../outcome/failure-hints.ts';
import { makePlan, type Plan, type Receipt } from '../outcome/receipt.ts';
import { demandReplayedToEnd, readEndOf } from '../outcome/replayed-to-end.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { archivingOf } from '../proofs/configuration.ts';
import { tellLag, wayToReplay } from '../proofs/replay-lag.ts';
import { openRecoveringVolume } from '../recovery/recovering-volume.ts';
import { cleanUp, seeThroughRecovery } from '../recovery/service-control.ts';
import { NO_REHEARSAL, prepareRehearsal } from '../rehearsal/prepare-rehearsal.ts';
import { rehearsedServer } from '../rehearsal/rehearsed-server.ts';
import { copyMounts, copyServerArgs } from '../service/copy-places.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { forOwnRun } from '../volume/own-run.ts';
import { removeVolumes } from './leave-as-before.ts';
import { removeLeftCopy } from './left-copy.ts';
import { makeJob } from './make-lay-down-job.ts';
import { type ProvenCopy, proveCopy } from './prove-copy.ts';
import { switchedNotes, switchService } from './switch-service.ts';

/** One copy under way, with what has to be undone if it fails. */
interface Run {
  request: CopyRequest;
  proven: ProvenCopy;
  report: Report;
  signal: AbortSignal;
  version: string;
  /** Of the data volume; for a temporary copy also of its container. */
  name: string;
  engine: Engine | undefined;
  /** Volumes that this very run has made. */
  made: string[];
  serverId: string | undefined;
  layingDown: boolean;
  swapped: boolean;
}

/**
 * Brings a backup up beside the running service, which is left alone: prove, lay down on volumes of its own, start the
 * service's own server program on them in a container of ODO's, recover, promote, check. A failure or a cancellation
 * leaves nothing behind, but for what the same command can go on from. A dry run gives the plan.
 */
export async function restoreCopy(request: CopyRequest, context: RunContext): Promise<Plan | Receipt> {
  const startedAt = new Date().toISOString();
  const { report, phases } = timePhases(measureProgress(context.report));
  const { signal, version } = context;
  const name = nameOf(request);

  const held = await inPhase(report, 'prove', () => proveCopy(request, name, report, context));
  const proven = { ...held, target: forOwnRun(held.target) };
  const plan = planOf(request, name, proven);
  if (request.dryRun) return plan;
  if (!(await context.confirm(plan))) throw new OdoError('cancelled', 'cancelled before anything was made');

  const state = { engine: undefined, made: [], serverId: undefined, layingDown: false, swapped: false };
  const run: Run = { request, proven, report, signal, version, name, ...state };
  try {
    const { laidDown, address, reached, notes } = await bringUpCopy(run).catch(async (thrown: unknown) => {
      const error = asOdoError(thrown, signal);
      throw await undo(run, request.moment ? explainTarget(error, request.moment, proven.source) : error);
    });
    await runScripts(proven.scripts, openServiceDatabase(address, signal), address.containerId, report, signal).catch(
      (thrown: unknown) => {
        throw withHints(asOdoError(thrown, signal), [`container ${serverName(run)} keeps running; ${endingOf(run)}`]);
      },
    );
    return {
      kind: 'receipt',
      odoVersion: version,
      startedAt,
      finishedAt: new Date().toISOString(),
      backup: plan.backup,
      dataDirectory: proven.target.pgdata.root,
      volume: name,
      service: proven.found.service.name,
      ...(request.moment ? { moment: momentReport(request.moment, proven.source, 'promoted') } : {}),
      reached,
      laidDown,
      phases,
      ...(request.copy.kind === 'temporary' ? await keepRunning(run, address, notes) : await handOver(run, notes)),
    };
  } finally {
    await run.engine?.close().catch(() => undefined);
  }
}

/** The cluster on the new volume is ready: its trial ends, and the service goes over to it if that is wanted. */
async function handOver(run: Run, notes: string[]): Promise<Pick<Receipt, 'downtimeMs' | 'notes'>> {
  const { request, proven, report, signal, name } = run;
  const { original } = proven;
  const { docker, service } = original;
  const ready = `volume ${name} holds the restored cluster, recovered and promoted`;
  if (run.serverId !== undefined) {
    await stopContainer(docker, run.serverId, request.stopTimeoutSeconds);
    await removeContainer(docker, run.serverId);
  }
  await run.engine?.close();
  run.engine = undefined;
  if (request.copy.kind !== 'new-volume' || !request.copy.switch) {
    const instead =
      `give the volume in the compose file the lines "name: ${name}" and "external: true", then ` +
      `${projectCommand(original.project, 'up', '-d', service.name)}`;
    return {
      notes: [...notes, ready, `service ${service.name} was left alone; to bring it onto the volume: ${instead}`],
    };
  }
  const { target, stopTimeoutSeconds, stallTimeoutMs } = request;
  const how = { target, stopTimeoutSeconds, stallTimeoutMs };
  const downtimeMs = await switchService(original, proven.mounts, how, report, signal).catch((thrown: unknown) => {
    throw withHints(asOdoError(thrown, signal), [ready]);
  });
  return { downtimeMs, notes: [...notes, ...switchedNotes(original, name, commandFor('rollback', request))] };
}

/** What the receipt says of a temporary server. */
async function keepRunning(
  run: Run,
  address: DatabaseAddress,
  notes: string[],
): Promise<Pick<Receipt, 'temporary' | 'notes'>> {
  const { docker } = run.proven.found;
  const server = (await listCopyServers(docker, 'temporary')).find(({ id }) => id === address.containerId);
  const port = server?.port ?? 0;
  const role = address.env.POSTGRES_USER ?? 'postgres';
  return {
    temporary: { name: run.name, port },
    notes: [
      ...notes,
      `to look around: docker exec -it ${run.name} psql, or psql -h 127.0.0.1 -p ${port} -U ${role} with a ` +
        `password of the backup's`,
      `to fish rows out: docker exec ${run.name} pg_dump -t TABLE --data-only DATABASE > rows.sql`,
      `it archives nothing; ${endingOf(run)}`,
    ],
  };
}

function planOf(
  request: CopyRequest,
  name: string,
  { found, source, target, mounts, owner, proofs }: ProvenCopy,
): Plan {
  const { service, data } = found;
  return makePlan(source, target, {
    volume: data.mount.source,
    service: service.name,
    owner,
    steps: [
      `make volume ${mounts.map((mount) => mount.source).join(', ')}; service ${service.name} is left alone`,
      `lay backup ${source.backup.id} down on it`,
      'start a server on it in a container of its own, see it through recovery and promotion',
      ...lastSteps(request, name, service.name),
    ],
    proofs,
  });
}

function lastSteps({ copy }: CopyRequest, name: string, service: string): string[] {
  if (copy.kind === 'temporary') return ['leave it running on a port of 127.0.0.1, until odo temporary stop'];
  const steps = ['stop and remove that container'];
  return copy.switch ? [...steps, `point service ${service} at volume ${name}, through an override file`] : steps;
}

function nameOf({ copy, target }: CopyRequest): string {
  if (copy.kind === 'new-volume') return copy.volume;
  return `odo-temporary-${target.service}-${randomBytes(3).toString('hex')}`;
}

/** From nothing to a promoted server whose recovery left nothing behind. */
async function bringUpCopy(run: Run) {
  const { request, proven, report, signal } = run;
  const laidDown = await fillVolumes(run);
  const address = await inPhase(report, 'start', () => startServer(run));
  const { database, reached, unasked, waits } = await seeThroughRecovery(
    address,
    {
      stallTimeoutMs: request.stallTimeoutMs,
      atTarget: 'promote',
      volume: openRecoveringVolume((step) => step(engineOf(run)), proven.target, proven.found.service),
    },
    tellLag(report, wayToReplay(proven.source)),
    signal,
  );
  const { source } = proven;
  const untold: string[] = [];
  if (request.moment) demandReached(request.moment, source, reached);
  else untold.push(...(await demandReplayedToEnd(source.wal, { reached, waits }, readEndOf(request, source, signal))));
  const unaskedWords = unasked === undefined ? [] : unaskedNotes(unasked, false);
  const collations =
    unasked === undefined
      ? await checkPromoted(database, { ...proven.server, isCopy: true }, report)
      : { haveChanged: false, notes: unaskedWords };
  const checked = [
    ...laidDown.overridden,
    ...untold,
    ...collations.notes,
    ...(await checkCopy(run, laidDown, database, collations)),
  ];
  signal.throwIfAborted();
  const { target } = proven;
  const archiving = archivingOf(proven.configuration);
  const { service } = proven.found;
  const configured = await cleanUp(
    engineOf(run),
    { target, archiving, keepPrevious: false, service, request },
    database,
    report,
  );
  // Of archiving nothing is to be said: a temporary server cannot be brought to it.
  return {
    laidDown,
    address,
    reached,
    notes: request.copy.kind === 'temporary' ? checked : [...checked, ...configured],
  };
}

async function fillVolumes(run: Run): Promise<LaidDown> {
  const { request, proven, report, signal, version } = run;
  const { docker } = proven.found;
  await removeLeftCopy(docker, proven.left);
  for (const { source } of proven.mounts) {
    signal.throwIfAborted();
    if (await createCopyVolume(docker, source, labelsOf(run))) run.made.push(source);
  }
  run.engine = await openServiceEngine(proven.found, proven.mounts, request, { version });
  const job = makeJob(request, proven);
  run.layingDown = true;
  const { engine } = run;
  const rehearsal = request.rehearsal ? prepareRehearsal(() => rehearsedServer(request, proven), signal) : NO_REHEARSAL;
  const laidDown = await engine
    .layDown(job, report, signal)
    .then(async (laid) => ({ ...laid, overridden: [...laid.overridden, ...(await rehearsal.hold(engine, report))] }))
    .finally(() => rehearsal.end());
  signal.throwIfAborted();
  run.swapped = true;
  await inPhase(report, 'swap', () => engineOf(run).swap(proven.target)).catch(async (error: unknown) => {
    const isStaged = await engineOf(run)
      .takeBack(proven.target)
      .catch(() => false);
    run.swapped = !isStaged;
    throw error;
  });
  return laidDown;
}

async function startServer(run: Run): Promise<DatabaseAddress> {
  const { request, proven, signal } = run;
  const { docker, service, data } = proven.found;
  const { copy } = request;
  signal.throwIfAborted();
  const role = service.env.POSTGRES_USER || 'postgres';
  const osUser = `${proven.owner.uid}:${proven.owner.gid}`;
  run.serverId = await startCopyServer(docker, {
    name: serverName(run),
    image: service.imageId ?? service.imageRef,
    args: copyServerArgs(service, data.place.root, copy.kind === 'temporary'),
    user: proven.owner,
    mounts: copyMounts(service, proven.mounts),
    // So that psql and pg_dump, called in the container without any option, find the server.
    env: { PGDATA: data.place.root, PGHOST: '/tmp', PGUSER: role },
    labels: labelsOf(run),
    ...(service.limits ? { limits: service.limits } : {}),
    ...(copy.kind === 'temporary' ? { port: copy.port } : {}),
  });
  const { POSTGRES_PASSWORD = '' } = service.env;
  const env = { POSTGRES_USER: role, POSTGRES_PASSWORD };
  return { docker, containerId: run.serverId, dataDirectory: data.place.root, env, osUser };
}

async function checkCopy(
  run: Run,
  laidDown: LaidDown,
  database: ServiceDatabase,
  collations: CheckedCollations,
): Promise<string[]> {
  if (run.request.verify !== 'full') return [];
  return inPhase(run.report, 'check', async () => {
    await engineOf(run).recheckPages(run.proven.target, laidDown.verified?.suspects ?? []);
    const note = await runAmcheck(database, collations);
    return note === undefined ? [] : [note];
  });
}

/**
 * Takes away what this run has made. Volumes that were there before stay; what was laid down stays where the same
 * command can use it.
 */
async function undo(run: Run, error: OdoError): Promise<OdoError> {
  const { request, proven, made } = run;
  const { docker } = proven.found;
  const kept =
    run.layingDown && !run.swapped && request.copy.kind === 'new-volume' && !request.discard && isResumable(error);
  if (run.serverId !== undefined) await removeContainer(docker, run.serverId).catch(() => undefined);
  if (run.layingDown && !run.swapped && !kept) await run.engine?.discard(proven.target).catch(() => undefined);
  await run.engine?.close().catch(() => undefined);
  run.engine = undefined;
  if (kept)
    return withKeptStaging(error, {
      kept,
      wiped: false,
      odoDir: `volume ${run.name}`,
      removal: `docker volume rm ${made.join(' ') || run.name}`,
    });
  const troubles = await removeVolumes(docker, made);
  const left = run.swapped
    ? proven.mounts.filter(({ source }) => !made.includes(source)).map(({ source }) => source)
    : [];
  if (left.length > 0)
    troubles.push(
      `what was restored is on a volume that was there before, and can be removed: docker volume rm ${left.join(' ')}`,
    );
  return withHints(error, troubles);
}

function engineOf(run: Run): Engine {
  if (!run.engine) throw new OdoError('bug', 'no restore container was opened');
  return run.engine;
}

function serverName({ request, name }: Run): string {
  return request.copy.kind === 'temporary' ? name : `odo-trial-${name}`;
}

function endingOf(run: Run): string {
  return run.request.copy.kind === 'temporary'
    ? `this ends it and removes its volume: odo temporary stop ${run.name}`
    : `this ends it, and leaves volume ${run.name} with what was restored: docker rm -f ${serverName(run)}`;
}

function labelsOf({ request, proven, name }: Run): Record<string, string> {
  const { service } = proven.found;
  return {
    [COPY_LABEL]: name,
    [COPY_KIND_LABEL]: request.copy.kind,
    'odo.service': `${service.project}/${service.name}`,
    'odo.backup': proven.source.backup.id,
    'odo.created': new Date().toISOString(),
  };
}
