import { OdoError } from '../errors.ts';
import { parseLsn, parseSegmentName } from '../postgres/wal-names.ts';
import type { Salvage } from '../wal/salvage-survey.ts';
import type { WalPlan } from '../wal/wal-plan.ts';
import type { Reached } from './receipt.ts';

/**
 * A server takes a damaged WAL record for the end of the WAL, and comes up without what follows as if nothing were missing. So where it
 * stopped is held against the last segment of the archive: not having got into that one is `dataCorrupt`. Nor is it right to have come short of
 * the last record that was found in the old data.
 */
export function demandReplayedToEnd(wal: WalPlan, reached: Reached, salvage?: Pick<Salvage, 'lastLsn'>): void {
  if (wal.source !== 'archive' || reached.lsn === undefined) return;
  const { segmentNumber } = parseSegmentName(wal.endSegment, wal.segmentSizeBytes);
  const endSegmentStart = BigInt(segmentNumber) * BigInt(wal.segmentSizeBytes);
  const position = parseLsn(reached.lsn);
  const isBeforeSalvaged = salvage !== undefined && position <= parseLsn(salvage.lastLsn);
  if (position > endSegmentStart && !isBeforeSalvaged) return;
  const last = reached.lastCommitTime === undefined ? '' : ` (last commit ${reached.lastCommitTime})`;
  throw new OdoError(
    'dataCorrupt',
    `recovery ended at ${reached.lsn}${last}, but ${isBeforeSalvaged ? `the WAL of the old data goes on to ${salvage.lastLsn}` : `the archive goes on to ${wal.endSegment}`}`,
    {
      hint: "the WAL is damaged at that place; the server's log says how. The server is up on what it could recover",
    },
  );
}
