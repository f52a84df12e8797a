import type { Engine } from '../contract/engine.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import { isLeftWaiting } from '../contract/request.ts';
import type { DatabaseAddress } from '../database/service-database.ts';
import { isAtTarget } from '../outcome/at-target.ts';
import { proveRecovered } from '../procedure/prove-recovered.ts';
import { tellLag, wayToReplay } from '../proofs/replay-lag.ts';
import { openRecoveringVolume } from '../recovery/recovering-volume.ts';
import { bringUp, type SeenThrough } from '../recovery/service-control.ts';
import { hasCaughtUp, lastTimeline } from '../standby/standby.ts';
import { onEngine, type ServiceRun, stopService } from './service-run.ts';

/** What the service's server has come to. */
export interface RecoveredService extends Omit<SeenThrough, 'database'> {
  address: DatabaseAddress;
  /** Since the service was told to stop, in milliseconds. */
  downtimeMs: number;
  /** Notes for the person. */
  notes: string[];
}

/** Starts the service on the new content, sees it recover all of it, and proves that it holds what it should. */
export async function recoverService(run: ServiceRun, laidDown: LaidDown): Promise<RecoveredService> {
  const { request, proven, report, signal } = run;
  const { moment, stallTimeoutMs } = request;
  const isToWait = isLeftWaiting(request);
  const options = {
    stallTimeoutMs,
    atTarget: isToWait ? ('wait' as const) : ('promote' as const),
    volume: openRecoveringVolume((step) => onEngine(run, step), proven.places, proven.found.service),
    ...(request.standby ? { enough: hasCaughtUp(proven.source.wal, run.salvage) } : {}),
    ...(moment ? { isAtTarget: isAtTarget(moment, proven.source) } : {}),
  };
  const way = wayToReplay(proven.source, run.salvage);
  const recover = (until: AbortSignal) => bringUp(proven.found, options, tellLag(report, way), until);
  const { address, ...seen } = await (run.feeding?.during(signal, recover) ?? recover(signal));
  const downtimeMs = Math.round(performance.now() - run.stoppedAt);
  const { waits } = seen;
  // A server in recovery does not say on which timeline it is.
  const timeline = waits ? (proven.source.moment?.timeline ?? lastTimeline(proven.source)) : undefined;
  const reached = { ...seen.reached, ...(timeline === undefined ? {} : { timeline }) };
  const recovered = {
    ...run,
    isCopy: false,
    onEngine: <T>(step: (engine: Engine) => Promise<T>) => onEngine(run, step),
  };
  const notes = await proveRecovered(recovered, { ...seen, reached }, laidDown);
  signal.throwIfAborted();
  if (waits && moment?.action === 'shutdown') await stopService(run);
  if (moment && isToWait && !waits)
    notes.push('the server did not wait at the target, since it could not be asked yet: it is promoted');
  const { unasked } = seen;
  return { address, reached, downtimeMs, notes, waits, ...(unasked === undefined ? {} : { unasked }) };
}
