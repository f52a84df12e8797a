import { OdoError } from '../errors.ts';
import { parseLsn, parseSegmentName } from '../postgres/wal-names.ts';
import type { WalPlan } from '../wal/wal-plan.ts';
import type { Reached } from './receipt.ts';

/**
 * A server takes a damaged WAL record for the end of the WAL, and comes up without what follows as if nothing were missing. So where it
 * stopped is held against the last segment of the archive: not having got into that one is `dataCorrupt`.
 */
export function demandReplayedToEnd(wal: WalPlan, reached: Reached): void {
  if (wal.source !== 'archive' || reached.lsn === undefined) return;
  const { segmentNumber } = parseSegmentName(wal.endSegment, wal.segmentSizeBytes);
  const endSegmentStart = BigInt(segmentNumber) * BigInt(wal.segmentSizeBytes);
  if (parseLsn(reached.lsn) > endSegmentStart) return;
  const last = reached.lastCommitTime === undefined ? '' : ` (last commit ${reached.lastCommitTime})`;
  throw new OdoError('dataCorrupt', `recovery ended at ${reached.lsn}${last}, but the archive goes on to ${wal.endSegment}`, {
    hint: "the WAL is damaged at that place; the server's log says how. The server is up on what it could recover",
  });
}
