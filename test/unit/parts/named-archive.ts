import type { Backup, WalArchive, WalFile } from '../../../src/formats/contract/format.ts';
import { isHistoryName, isSegmentName, timelineOfName } from '../../../src/postgres/terms/wal-names.ts';
import { splitLayers } from '../../../src/stream/bytes/layers.ts';

/**
 * An archive of files that lie under their own names, such as `000000010000000000000001.gz`; on request with the times
 * of their upload.
 */
export function archiveOf(
  names: readonly string[],
  sizeBytes: (name: string) => number = () => 10,
  archivedAt?: (name: string) => Date,
): WalArchive {
  const files = [...names].sort().map((key): WalFile => {
    const { stem, layers } = splitLayers(key);
    return {
      name: stem,
      key,
      sizeBytes: sizeBytes(key),
      layers,
      ...(archivedAt ? { archivedAt: archivedAt(stem) } : {}),
    };
  });
  const segments = files.filter(({ name }) => isSegmentName(name));
  return {
    histories: async () => files.filter(({ name }) => isHistoryName(name)),
    timelines: async () => [...new Set(segments.map(({ name }) => timelineOfName(name)))].sort((a, b) => a - b),
    async *segments(timeline, fromSegment) {
      for (const file of segments) {
        if (timelineOfName(file.name) === timeline && file.name >= fromSegment) yield file;
      }
    },
    beside: async (name) =>
      [...names].filter((other) => other.startsWith(name) && ![splitLayers(other).stem, other].some(isFileName)),
    async slices(count) {
      const size = Math.max(1, Math.ceil(segments.length / count));
      const starts = Array.from({ length: Math.ceil(segments.length / size) }, (_, index) => index * size);
      return starts.map(async function* (start) {
        yield* segments.slice(start, start + size);
      });
    },
  };
}

function isFileName(name: string): boolean {
  return isSegmentName(name) || isHistoryName(name);
}

/** The name of a segment of 16 MiB (or any other, as long as its number is small). */
export function segment(timeline: number, number: number): string {
  return [timeline, 0, number].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}

/** A complete backup that needs two segments from `number` on, and ended on that day of the month. */
export function archivedBackup(id: string, number: number, day: number): Backup {
  return {
    id,
    format: 'barman',
    state: 'complete',
    tablespaces: [],
    parts: [],
    wal: 'archive',
    postgresMajor: 17,
    timeline: 1,
    beginWal: segment(1, number),
    endWal: segment(1, number + 1),
    endTime: `2025-10-0${day}T00:00:00.000Z`,
  };
}
