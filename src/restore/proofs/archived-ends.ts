import type { WalArchive } from '../../formats/contract/format.ts';
import { formatLsn, nextSegmentName, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Accounted } from '../contract/old-data-survey.ts';

/**
 * The positions up to which an archive has the WAL of each of its timelines without a hole. A restore to a moment goes
 * less far; so what it leaves out is to be had again as far as this.
 * @param wal the restore's own way, on which older segments do not matter
 */
export async function archivedEnds(
  archive: WalArchive,
  wal: Extract<WalPlan, { source: 'archive' }>,
  signal: AbortSignal,
): Promise<Accounted[]> {
  const ends: Accounted[] = [];
  for (const timeline of await archive.timelines(signal)) {
    const own = wal.spans.find((span) => span.timeline === timeline)?.firstSegment;
    const first = own ?? `${timeline.toString(16).toUpperCase().padStart(8, '0')}${'0'.repeat(16)}`;
    const last = await lastBeforeHole(archive, timeline, first, wal.segmentSizeBytes, signal);
    if (last === undefined) continue;
    const { segmentNumber } = parseSegmentName(last, wal.segmentSizeBytes);
    ends.push({ timeline, lsn: formatLsn(BigInt(segmentNumber + 1) * BigInt(wal.segmentSizeBytes)) });
  }
  return ends;
}

async function lastBeforeHole(
  archive: WalArchive,
  timeline: number,
  first: string,
  segmentSizeBytes: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last: string | undefined;
  for await (const { name } of archive.segments(timeline, first, signal)) {
    if (last !== undefined && name !== nextSegmentName(last, segmentSizeBytes)) break;
    last = name;
  }
  return last;
}
