import { formatSegmentName } from '../../postgres/terms/wal-names.ts';
import type { WalRun } from './survey-wal.ts';

/** Segments that the archive lacks. */
export interface WalHole {
  firstSegment: string;
  lastSegment: string;
  segments: number;
  /** When the segment before the hole was archived (ISO 8601). */
  after?: string;
  /** When the segment behind the hole was archived (ISO 8601). */
  before?: string;
}

/**
 * The holes of one timeline, from the segment `wanted.from` on: between its runs, and behind the last one up to
 * `wanted.to`. None when nothing is wanted (from is infinite then).
 */
export function findHoles(
  timeline: number,
  runs: readonly WalRun[],
  wanted: { from: number; to: number },
  segmentSizeBytes: number,
): WalHole[] {
  const holes: WalHole[] = [];
  let expected = wanted.from;
  let previous: WalRun | undefined;
  const missing = (last: number, next: WalRun | undefined) => {
    if (expected > last) return;
    const name = (segmentNumber: number) => formatSegmentName({ timeline, segmentNumber }, segmentSizeBytes);
    holes.push({
      firstSegment: name(expected),
      lastSegment: name(last),
      segments: last - expected + 1,
      ...(previous?.lastArchivedAt ? { after: previous.lastArchivedAt.toISOString() } : {}),
      ...(next?.firstArchivedAt ? { before: next.firstArchivedAt.toISOString() } : {}),
    });
  };
  for (const run of runs) {
    missing(run.firstNumber - 1, run);
    expected = Math.max(expected, run.lastNumber + 1);
    previous = run;
  }
  missing(wanted.to, undefined);
  return holes;
}
