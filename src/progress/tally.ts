import type { Phase, Progress, Report } from '../events.ts';

/** How often progress is told at most. */
const INTERVAL_MS = 500;

/** The work of a phase; reused bytes count as read. */
export interface Done {
  readBytes: number;
  writtenBytes: number;
  files: number;
  segments: number;
  reusedBytes: number;
  reusedParts: number;
  reusedSegments: number;
}

/** Counts what a phase has done and tells it now and then. */
export interface Tally {
  read(bytes: number): void;
  wrote(bytes: number): void;
  files(count: number): void;
  segment(): void;
  /** Notes bytes of a file that an interrupted run had written. */
  reused(bytes: number): void;
  /** Notes a part that an interrupted run had laid down, and that need not be read again. */
  reusedPart(sizeBytes: number): void;
  /** Notes a segment that an interrupted run had fetched, and that need not be read again. */
  reusedSegment(sizeBytes: number): void;
  readonly done: Readonly<Done>;
}

/** The work of a phase in all, as far as it is known. */
export type Totals = Pick<Progress, 'totalBytes' | 'totalWrittenBytes' | 'totalFiles' | 'totalSegments'>;

/** Counts often and reports seldom: its callers need not think of the cost of reporting. */
export function createTally(phase: Phase, totals: Totals, report: Report): Tally {
  const done: Done = {
    readBytes: 0,
    writtenBytes: 0,
    files: 0,
    segments: 0,
    reusedBytes: 0,
    reusedParts: 0,
    reusedSegments: 0,
  };
  let skippedBytes = 0;
  let lastToldAt = performance.now();

  function tellSometimes(): void {
    const now = performance.now();
    if (now - lastToldAt < INTERVAL_MS) return;
    lastToldAt = now;
    // Parts that an interrupted run had laid down are not written again, so the totals of written bytes and files mean
    // nothing.
    const { totalWrittenBytes: _bytes, totalFiles: _files, ...totalsOfRest } = totals;
    const { readBytes, writtenBytes, files, segments } = done;
    const others = Object.entries({ skippedBytes, writtenBytes, files, segments }).filter(([, count]) => count > 0);
    report({
      type: 'progress',
      phase,
      readBytes,
      ...Object.fromEntries(others),
      ...(done.reusedParts === 0 ? totals : totalsOfRest),
    });
  }

  function skip(bytes: number): void {
    done.readBytes += bytes;
    skippedBytes += bytes;
  }

  return {
    read(bytes) {
      done.readBytes += bytes;
      tellSometimes();
    },
    wrote(bytes) {
      done.writtenBytes += bytes;
      tellSometimes();
    },
    files(count) {
      done.files += count;
    },
    segment() {
      done.segments += 1;
      tellSometimes();
    },
    reused(bytes) {
      done.reusedBytes += bytes;
    },
    reusedPart(sizeBytes) {
      skip(sizeBytes);
      done.reusedParts += 1;
    },
    reusedSegment(sizeBytes) {
      skip(sizeBytes);
      done.reusedSegments += 1;
      done.segments += 1;
    },
    done,
  };
}
