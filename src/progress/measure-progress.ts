import type { Phase, Progress, Report } from '../events.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { createRateMeter } from './rate.ts';

/**
 * Passes events on, and adds to each progress how fast the phase goes and how long its rest takes. Progress events of
 * two sources for one phase (the server's replay, and the WAL that is fetched for it) are merged.
 */
export function measureProgress(report: Report, now: () => number = () => performance.now()): Report {
  const phases = new Map<Phase, (progress: Progress) => Progress>();
  return (event) => {
    if (event.type === 'phase') {
      phases.delete(event.phase);
      if (event.state === 'started') phases.set(event.phase, measurePhase(now));
      report(event);
    } else if (event.type === 'progress') {
      const { type, ...progress } = event;
      const measure = phases.get(event.phase) ?? measurePhase(now);
      phases.set(event.phase, measure);
      report({ type, ...measure(progress) });
    } else {
      report(event);
    }
  };
}

function measurePhase(now: () => number): (progress: Progress) => Progress {
  const begin = { atMs: now(), done: 0 };
  const reading = createRateMeter(begin);
  const writing = createRateMeter(begin);
  // Where replay was when the server first answered is no work of this phase's first moment.
  const replaying = createRateMeter();
  let known: Partial<Progress> = {};

  return (progress) => {
    known = { ...known, ...progress };
    const { readBytes, skippedBytes = 0, totalBytes, writtenBytes, replayBytes, lagBytes } = known;
    const atMs = now();
    if (readBytes !== undefined) reading.sample({ atMs, done: readBytes - skippedBytes });
    if (writtenBytes !== undefined) writing.sample({ atMs, done: writtenBytes });
    const isReplaying = replayBytes !== undefined && lagBytes !== undefined;
    if (isReplaying) replaying.sample({ atMs, done: replayBytes - lagBytes });
    const readEtaMs =
      readBytes === undefined || totalBytes === undefined ? undefined : reading.etaMs(totalBytes - readBytes);
    return withoutUndefined({
      phase: progress.phase,
      ...known,
      readBytesPerSecond: readBytes === undefined ? undefined : reading.rate(),
      writtenBytesPerSecond: writtenBytes === undefined ? undefined : writing.rate(),
      replayedBytesPerSecond: isReplaying ? replaying.rate() : undefined,
      etaMs: isReplaying ? replaying.etaMs(lagBytes) : readEtaMs,
    });
  };
}
