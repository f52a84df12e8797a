import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { formatSegmentName, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { TimelineSpan } from '../timelines/timeline-path.ts';

/**
 * A segment to replay, or a hole: the next segment is missing although later ones are there. Nothing follows a hole.
 */
export type ReplayStep = { kind: 'segment'; file: WalFile } | { kind: 'hole'; missing: string };

/**
 * The archive's segments in the order in which recovery reads them, along the timelines, up to the end of the archive
 * or its first hole. The segment in which a timeline branches off may be absent from the old timeline, where it is
 * archived as `.partial`. The new timeline's file of that number begins with the same content.
 */
export async function* filesToReplay(
  archive: WalArchive,
  spans: readonly TimelineSpan[],
  segmentSizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<ReplayStep> {
  for (const [index, span] of spans.entries()) {
    const last =
      span.lastSegment === undefined
        ? Number.POSITIVE_INFINITY
        : parseSegmentName(span.lastSegment, segmentSizeBytes).segmentNumber;
    let expected = parseSegmentName(span.firstSegment, segmentSizeBytes).segmentNumber;
    for await (const file of archive.segments(span.timeline, span.firstSegment, signal)) {
      const { segmentNumber } = parseSegmentName(file.name, segmentSizeBytes);
      if (segmentNumber > last) break;
      if (segmentNumber < expected) continue;
      if (segmentNumber > expected) {
        yield {
          kind: 'hole',
          missing: formatSegmentName({ timeline: span.timeline, segmentNumber: expected }, segmentSizeBytes),
        };
        return;
      }
      yield { kind: 'segment', file };
      expected = segmentNumber + 1;
    }
    // A timeline that was left exactly at a segment's end has its last segment whole: nobody else has that one.
    const next = spans[index + 1];
    const missesOnlyTheBranch =
      expected === last &&
      next !== undefined &&
      parseSegmentName(next.firstSegment, segmentSizeBytes).segmentNumber === last;
    if (span.lastSegment !== undefined && expected <= last && !missesOnlyTheBranch) {
      yield {
        kind: 'hole',
        missing: formatSegmentName({ timeline: span.timeline, segmentNumber: expected }, segmentSizeBytes),
      };
      return;
    }
  }
}
