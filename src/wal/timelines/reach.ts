import { formatLsn, formatSegmentName, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { ArchivedWal, WalRun } from './survey-wal.ts';
import { type PathStart, pathTo } from './timeline-path.ts';

/** How far recovery from one backup gets along the way to one timeline. */
export interface Reach {
  /**
   * The last segment that can be replayed. It is on the timeline that recovery really gets to. undefined when even the
   * first segment is missing.
   */
  lastSegment?: string;
  /**
   * The position behind lastSegment: no moment from here on can be reached. Without any segment, the beginning of the
   * first that is missing.
   */
  endLsn: string;
  /** When lastSegment was archived: about the last moment that can be reached. */
  endTime?: string;
  /** The first missing segment, where later ones are there. */
  hole?: string;
}

/**
 * How far recovery from a backup gets on the way to `timeline`, as far as the archive's listing tells. The rules are
 * those of filesToReplay(). undefined when that timeline does not descend from the backup.
 */
export function reachOf(start: PathStart, timeline: number, wal: ArchivedWal): Reach | undefined {
  const spans = pathTo(start, timeline, wal.histories);
  if (spans === undefined) return undefined;
  const { segmentSizeBytes } = wal;
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  let last: { run: WalRun; number: number } | undefined;
  let hole: string | undefined;

  for (const [index, span] of spans.entries()) {
    const first = numberOf(span.firstSegment);
    const end = span.lastSegment === undefined ? Number.POSITIVE_INFINITY : numberOf(span.lastSegment);
    const runs = wal.runs.get(span.timeline) ?? [];
    const run = runWith(runs, first);
    const reached = run === undefined ? first - 1 : Math.min(run.lastNumber, end);
    if (run !== undefined) last = { run, number: reached };
    const next = spans[index + 1];
    const goesOn = next === undefined ? runs.some(({ firstNumber }) => firstNumber > reached) : reached < end;
    // As in filesToReplay(): the new timeline's file holds the content of the old timeline's unfinished one.
    const lacksOnlyTheBranch = next !== undefined && reached === end - 1 && numberOf(next.firstSegment) === end;
    if (goesOn && !lacksOnlyTheBranch) {
      hole = formatSegmentName({ timeline: span.timeline, segmentNumber: reached + 1 }, segmentSizeBytes);
      break;
    }
  }

  const holeOrNothing = hole === undefined ? {} : { hole };
  if (last === undefined) {
    return { endLsn: lsnOf(numberOf(start.beginWal), segmentSizeBytes), ...holeOrNothing };
  }
  const { run, number } = last;
  const isEndOfRun = number === run.lastNumber && run.lastArchivedAt !== undefined;
  return {
    lastSegment: formatSegmentName({ timeline: run.timeline, segmentNumber: number }, segmentSizeBytes),
    endLsn: lsnOf(number + 1, segmentSizeBytes),
    ...(isEndOfRun ? { endTime: run.lastArchivedAt?.toISOString() as string } : {}),
    ...holeOrNothing,
  };
}

/** The run that holds a segment; the runs are those of one timeline, in order. */
export function runWith(runs: readonly WalRun[], number: number): WalRun | undefined {
  let low = 0;
  let high = runs.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const run = runs[middle] as WalRun;
    if (number < run.firstNumber) high = middle - 1;
    else if (number > run.lastNumber) low = middle + 1;
    else return run;
  }
  return undefined;
}

/** The position of a segment's first byte. */
export function lsnOf(segmentNumber: number, segmentSizeBytes: number): string {
  return formatLsn(BigInt(segmentNumber) * BigInt(segmentSizeBytes));
}
