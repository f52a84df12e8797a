import type { SwitchedMount } from '../../docker/compose/override-file.ts';
import { resolveService } from '../../docker/compose/service.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { ServiceRef } from '../contract/request.ts';
import { type Answering, seeAnswer } from '../database/see-answer.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { stopContainers } from '../recovery/service-control.ts';
import { forgetStrayed, ownMounts, switchBack } from '../recovery/switch-service.ts';
import type { FoundService } from '../service/found-service.ts';
import { demandService } from '../service/prove-service.ts';
import { startContainers } from '../service/start-service.ts';
import { TRANSITIONS } from '../volume/transitions.ts';
import { backToTheRestored, backToVolume, outOfUse } from './rollback-question.ts';
import { openOnJournal } from './volume-commands.ts';

/** What a rollback did, as plain JSON. */
export interface Rollback {
  kind: 'rollback';
  volume: string;
  service: string;
  dataDirectory: string;
  /** False: there was nothing to put back, and no data was changed. */
  rolledBack: boolean;
  /** What was in place is kept, so that another rollback goes back to it. */
  isKept: boolean;
  /** `before`: the data from before the restore is in place. `restored`: the restored data is. */
  inPlace: 'before' | 'restored';
  /** The service was started: it had not run before, or had been stopped for the rollback. */
  started: boolean;
  /** Whether the server answers. Absent when there was no server to ask. */
  answers?: boolean;
  /** Notes for the person. */
  notes: string[];
}

/**
 * What a rollback needs from its surroundings. `confirm` is asked before data that has been in use goes out of place;
 * false cancels.
 */
export interface RollbackContext extends Omit<RunContext, 'confirm'> {
  confirm(question: string): Promise<boolean>;
  /** Tells the person of the rollback's end. From then on, another rollback goes back from it. */
  tell(end: Rollback): void;
}

/** Which service goes back, and how long its server may take to stop, in seconds. */
interface RollbackRequest {
  serviceRef: ServiceRef;
  stopTimeoutSeconds: number;
}

/** A server that comes back on its own data has only its last moments to recover. */
const STALL_TIMEOUT_MS = 600_000;

/**
 * Goes one step back. Puts the data back that was there before the last restore. When no restore has left anything on
 * the volume, points the service back to its old volume instead. Where the service's container does not follow the last
 * switch, forgetting that switch is the step. Then starts the service, if there is data in place, and sees whether it
 * answers. What came of it is told by `context.tell`.
 */
export async function rollbackService(request: RollbackRequest, context: RollbackContext): Promise<void> {
  const { report } = context;
  const found = await inPhase(report, 'prove', () =>
    demandService(request.serviceRef, context, { alone: true, mayStray: true }),
  );
  const { service, data } = found;
  const result: Rollback = {
    kind: 'rollback',
    volume: data.mount.source,
    service: service.name,
    dataDirectory: data.place.root,
    rolledBack: false,
    isKept: false,
    inPlace: 'before',
    started: false,
    notes: [],
  };
  const { engine, place } = await openOnJournal(found, request.serviceRef, context.version);
  let probe: PlaceProbe;
  try {
    probe = (await engine.probe(place)).pgdata;
    const { situation = 'untouched' } = probe;
    // The switch is the last step of a service that does not follow it. What a restore has left is older, and waits.
    // But no server can run on content that is half moved.
    const isHalfMoved = situation === 'exchanging' || situation === 'setting-aside';
    const deed = found.strayed && !isHalfMoved ? 'none' : TRANSITIONS[situation].rollback;
    const isUnfinished = deed === 'exchange' && probe.use?.isRollbackOpen === true;
    if (deed === 'exchange' && probe.hasPrevious && !isUnfinished) {
      await demandConsent(situation === 'set-aside' ? backToTheRestored(found) : outOfUse(found, probe), context);
    }
    if (isUnfinished) {
      Object.assign(result, {
        rolledBack: true,
        isKept: true,
        inPlace: situation === 'set-aside' ? 'before' : 'restored',
      });
      result.notes.push(
        'an earlier rollback was broken off after its exchange, and this one has finished it; another one goes back',
      );
    } else if (deed !== 'none') {
      await stopNow(found, request.stopTimeoutSeconds, context);
      Object.assign(result, await inPhase(report, 'swap', () => engine.rollback(place)));
      probe = (await engine.probe(place)).pgdata;
    }
    if (result.rolledBack && result.isKept) {
      if (found.strayed) await forgetStrayed(found);
      context.tell(await start(found, probe, result, context));
      // Without this note, the next rollback finds that there is nothing left to do, and says so. That is right as long
      // as nobody has seen how this one ended, so the telling comes first.
      await engine.noteRollbackTold(place).catch(() => undefined);
      return;
    }
  } finally {
    await engine.close();
  }
  context.tell(await nothingExchanged(found, probe, result, request, context));
}

/** The rest of a rollback that has exchanged nothing that is kept: the service's volume may be what goes back. */
async function nothingExchanged(
  found: FoundService,
  probe: PlaceProbe,
  result: Rollback,
  request: RollbackRequest,
  context: RollbackContext,
): Promise<Rollback> {
  const { service, strayed } = found;
  if (strayed) {
    await forgetStrayed(found);
    result.notes.push(
      `service ${service.name} is no longer led to volume ${strayed.volume}, which is left as it was, and stays ` +
        'where its container is',
    );
    return start(found, probe, result, context);
  }
  const [switched] = ownMounts(found).filter(({ destination }) => destination === found.data.mount.destination);
  // When a restore has left something on this volume, going back from that is the whole step.
  if (!result.rolledBack && switched && probe.situation === 'untouched')
    return goBack(found, switched, request, result, context);
  return start(found, probe, result, context);
}

async function demandConsent(question: string, { confirm }: RollbackContext): Promise<void> {
  if (!(await confirm(question))) throw new OdoError('cancelled', 'cancelled before anything was touched');
}

/** Stops the containers as they are now, not as the proofs saw them. */
async function stopNow(found: FoundService, timeoutSeconds: number, { report }: RollbackContext): Promise<void> {
  const { containers } = await resolveService(found.docker, found.project, found.service.name);
  await stopContainers(
    found,
    containers.filter(({ running }) => running),
    timeoutSeconds,
    report,
  );
}

async function goBack(
  found: FoundService,
  switched: SwitchedMount,
  request: RollbackRequest,
  result: Rollback,
  context: RollbackContext,
): Promise<Rollback> {
  await demandConsent(backToVolume(found, switched), context);
  const { serviceRef, stopTimeoutSeconds } = request;
  const how = { serviceRef, stopTimeoutSeconds, stallTimeoutMs: STALL_TIMEOUT_MS, version: context.version };
  const volume = await switchBack(found, how, context.report, context.signal);
  const left = `volume ${switched.volume} is left as it was`;
  return {
    ...result,
    volume,
    rolledBack: true,
    started: true,
    answers: true,
    notes: [left],
  };
}

/**
 * Starts the service, also when there was nothing to put back: a killed run may have left it stopped on its old data.
 */
async function start(
  found: FoundService,
  probe: PlaceProbe,
  result: Rollback,
  context: RollbackContext,
): Promise<Rollback> {
  const { docker, service, data } = found;
  if (!probe.startable) {
    // A server would begin a new, empty cluster there, or end at once.
    const why = `there is no whole data directory in ${data.place.root}, so service ${service.name} is not started`;
    return { ...result, notes: [...result.notes, why] };
  }
  const isRunning = service.containers.some(({ running }) => running);
  if (!result.rolledBack && service.containers.length === 0) {
    return { ...result, notes: [...result.notes, `service ${service.name} has no container, and is not started`] };
  }
  const answering = await startAndAsk(found, context).catch((thrown: unknown): Answering => {
    const error = asOdoError(thrown, context.signal);
    if (error.code === 'cancelled') throw error;
    return { answers: false, reason: error.message };
  });
  const { answers, reason } = answering;
  const notes = answers ? [] : [`the server of service ${service.name} does not answer: ${reason}; see docker logs`];
  return { ...result, started: result.rolledBack || !isRunning, answers, notes: [...result.notes, ...notes] };

  async function startAndAsk(one: FoundService, { report, signal }: RollbackContext): Promise<Answering> {
    const containerId = await inPhase(report, 'start', () => startContainers(one, signal));
    return seeAnswer({ docker, containerId, dataDirectory: data.place.root, env: service.env }, signal);
  }
}
