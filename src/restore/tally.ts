import type { Phase, Report } from '../events.ts';

/** How often progress is told at most. */
const INTERVAL_MS = 500;

/** Counts what a phase has done and tells it now and then. */
export interface Tally {
  read(bytes: number): void;
  wrote(bytes: number): void;
  files(count: number): void;
  segment(): void;
  /** What an interrupted run had done already. */
  reused(bytes: number): void;
  reusedPart(): void;
  reusedSegment(): void;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly fileCount: number;
  readonly segmentCount: number;
  readonly reusedBytes: number;
  readonly reusedPartCount: number;
  readonly reusedSegmentCount: number;
}

export function createTally(phase: Phase, totals: { totalBytes?: number; totalSegments?: number }, report: Report): Tally {
  const counts = { readBytes: 0, writtenBytes: 0, files: 0, segments: 0 };
  const reuse = { bytes: 0, parts: 0, segments: 0 };
  let lastToldAt = performance.now();

  function tellSometimes(): void {
    const now = performance.now();
    if (now - lastToldAt < INTERVAL_MS) return;
    lastToldAt = now;
    report({ type: 'progress', phase, ...counts, ...totals });
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
    reusedPart() {
      reuse.parts += 1;
    },
    reusedSegment() {
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
