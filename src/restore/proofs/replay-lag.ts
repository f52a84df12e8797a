import type { Report } from '../../events.ts';
import { DEFAULT_SEGMENT_SIZE_BYTES, formatLsn, parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { RestoreSource } from './prove-repository.ts';

/** The WAL that a recovery replays, as positions in it. */
export interface WayToReplay {
  beginLsn: bigint;
  endLsn: bigint;
  segmentSizeBytes: number;
}

/**
 * The WAL that a recovery replays, from the backup's first segment on. It ends at the record at which a target stops
 * recovery, or with what the old data has, or with the archive's last segment. Gives undefined when a backup with its
 * own WAL does not tell.
 */
export function wayToReplay(
  source: Pick<RestoreSource, 'wal' | 'backup' | 'moment'>,
  salvage?: Pick<Salvage, 'endLsn'>,
): WayToReplay | undefined {
  const { wal, backup, moment } = source;
  if (wal.source === 'archive') {
    const { segmentSizeBytes, spans, endSegment } = wal;
    const startOf = (name: string) =>
      BigInt(parseSegmentName(name, segmentSizeBytes).segmentNumber) * BigInt(segmentSizeBytes);
    const beginLsn = startOf(spans[0]?.firstSegment ?? endSegment);
    const endLsn = moment?.stop
      ? parseLsn(moment.stop.lsn)
      : salvage
        ? parseLsn(salvage.endLsn)
        : startOf(endSegment) + BigInt(segmentSizeBytes);
    return { beginLsn, endLsn, segmentSizeBytes };
  }
  const { beginLsn, endLsn, walSegmentSizeBytes: segmentSizeBytes = DEFAULT_SEGMENT_SIZE_BYTES } = backup;
  if (beginLsn === undefined || endLsn === undefined) return undefined;
  return { beginLsn: parseLsn(beginLsn), endLsn: parseLsn(endLsn), segmentSizeBytes };
}

/** Adds to each progress of a replay how much is left of the way. */
export function tellLag(report: Report, way: WayToReplay | undefined): Report {
  if (!way) return report;
  const { beginLsn, endLsn, segmentSizeBytes } = way;
  return (event) => {
    if (event.type !== 'progress') return report(event);
    const replayLsn = event.replayLsn ?? startOfSegment(event.walSegment, segmentSizeBytes);
    if (replayLsn === undefined) return report(event);
    const position = parseLsn(replayLsn);
    const lag = position < endLsn ? endLsn - position : 0n;
    report({
      ...event,
      replayLsn,
      endLsn: formatLsn(endLsn),
      replayBytes: Number(endLsn - beginLsn),
      lagBytes: Number(lag),
      // The segment that is being replayed is left too.
      lagSegments: Math.ceil(Number(lag) / segmentSizeBytes),
    });
  };
}

/**
 * Where a segment begins. Gives undefined also for a name that such segments cannot have: it comes from a log, where
 * anybody may write.
 */
function startOfSegment(name: string | undefined, segmentSizeBytes: number): string | undefined {
  if (name === undefined) return undefined;
  try {
    return formatLsn(BigInt(parseSegmentName(name, segmentSizeBytes).segmentNumber) * BigInt(segmentSizeBytes));
  } catch {
    return undefined;
  }
}
