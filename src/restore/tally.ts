import type { Phase, Progress, Report } from '../events.ts';

/** How often progress is told at most. */
const INTERVAL_MS = 500;

/** Counts what a phase has done and tells it now and then. */
export interface Tally {
  read(bytes: number): void;
  wrote(bytes: number): void;
  files(count: number): void;
  segment(): void;
  /** What an interrupted run had done already: of a file's bytes, and parts and segments that need not be read again. */
  reused(bytes: number): void;
  reusedPart(sizeBytes: number): void;
  reusedSegment(sizeBytes: number): void;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly fileCount: number;
  readonly segmentCount: number;
  readonly reusedBytes: number;
  readonly reusedPartCount: number;
  readonly reusedSegmentCount: number;
}

/** What a phase has to do in all, as far as it is known. */
export type Totals = Pick<Progress, 'totalBytes' | 'totalWrittenBytes' | 'totalFiles' | 'totalSegments'>;

/** Told often, it tells seldom: whoever counts need not think of what reporting costs. */
export function createTally(phase: Phase, totals: Totals, report: Report): Tally {
  const counts = { readBytes: 0, skippedBytes: 0, writtenBytes: 0, files: 0, segments: 0 };
  const reuse = { bytes: 0, parts: 0, segments: 0 };
  let lastToldAt = performance.now();

  function tellSometimes(): void {
    const now = performance.now();
    if (now - lastToldAt < INTERVAL_MS) return;
    lastToldAt = now;
    // What an interrupted run had laid down is not written again, so that the totals of what is written mean nothing.
    const { totalWrittenBytes: _bytes, totalFiles: _files, ...totalsOfRest } = totals;
    const { readBytes, ...others } = counts;
    const done = Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0));
    report({ type: 'progress', phase, readBytes, ...done, ...(reuse.parts === 0 ? totals : totalsOfRest) });
  }

  function skip(bytes: number): void {
    counts.readBytes += bytes;
    counts.skippedBytes += bytes;
  }

  return {
    read(bytes) {
      counts.readBytes += bytes;
      tellSometimes();
    },
    wrote(bytes) {
      counts.writtenBytes += bytes;
      tellSometimes();
    },
    files(count) {
      counts.files += count;
    },
    segment() {
      counts.segments += 1;
      tellSometimes();
    },
    reused(bytes) {
      reuse.bytes += bytes;
    },
    reusedPart(sizeBytes) {
      skip(sizeBytes);
      reuse.parts += 1;
    },
    reusedSegment(sizeBytes) {
      skip(sizeBytes);
      reuse.segments += 1;
      counts.segments += 1;
    },
    get reusedBytes() {
      return reuse.bytes;
    },
    get reusedPartCount() {
      return reuse.parts;
    },
    get reusedSegmentCount() {
      return reuse.segments;
    },
    get readBytes() {
      return counts.readBytes;
    },
    get writtenBytes() {
      return counts.writtenBytes;
    },
    get fileCount() {
      return counts.files;
    },
    get segmentCount() {
      return counts.segments;
    },
  };
}
