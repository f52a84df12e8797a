import type { Phase, Progress, Report } from '../events.ts';

/** How often progress is told at most. */
const INTERVAL_MS = 500;

/** What a phase has done; what was reused counts as read. */
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
  /**
   * What an interrupted run had done already: of a file's bytes, and parts and segments that need not be read again.
   */
  reused(bytes: number): void;
  reusedPart(sizeBytes: number): void;
  reusedSegment(sizeBytes: number): void;
  readonly done: Readonly<Done>;
}

/** What a phase has to do in all, as far as it is known. */
export type Totals = Pick<Progress, 'totalBytes' | 'totalWrittenBytes' | 'totalFiles' | 'totalSegments'>;

/** Told often, it tells seldom: whoever counts need not think of what reporting costs. */
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
    // What an interrupted run had laid down is not written again, so that the totals of what is written mean nothing.
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
