import { asOdoError, OdoError } from '../../errors.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import { parseLsn, parseSegmentName, segmentOfLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { MAX_RECORD_BYTES } from '../../postgres/wal/wal-records.ts';
import { openStore } from '../../store/kinds/open.ts';
import { readSegmentEnd, type SegmentEnd } from '../../wal/archive/read-segment-end.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { RestoreRequest } from '../contract/request.ts';
import { PATIENCE_MS, type RestoreSource } from '../proofs/prove-repository.ts';
import type { Reached } from './receipt.ts';

type ArchivedWal = Extract<WalPlan, { source: 'archive' }>;

/** Reads how the records in a segment of the archive end; undefined when the archive has no such segment. */
export type ReadEnd = (segment: string, segmentSizeBytes: number) => Promise<SegmentEnd | undefined>;

/** What is known of a recovery that has come to its end. */
export interface Replayed {
  reached: Reached;
  salvage?: Pick<Salvage, 'lastLsn'> | undefined;
  /** The server stays in recovery: it may still go on within the segment that it is in. */
  waits: boolean;
}

/**
 * Demands that the server has replayed all WAL. A server takes a damaged WAL record for the end of the WAL, and comes
 * up without what follows as if nothing were missing. So the place where it stopped is held against the archive. Gives
 * notes on what could not be told for certain.
 * Errors: `dataCorrupt` when the server has not got into the archive's last segment, has not replayed the last whole
 * record of the segment that it stopped in, or has come short of the last record of the old data.
 */
export async function demandReplayedToEnd(
  wal: WalPlan,
  { reached, salvage, waits }: Replayed,
  readEnd: ReadEnd,
): Promise<string[]> {
  if (wal.source !== 'archive') return [];
  const { endSegment, segmentSizeBytes } = wal;
  if (reached.lsn === undefined) {
    return [
      `how far the replay came is not known, so it could not be held against the end of the archive, ${endSegment}`,
    ];
  }
  const position = parseLsn(reached.lsn);
  const startOf = (name: string) =>
    BigInt(parseSegmentName(name, segmentSizeBytes).segmentNumber) * BigInt(segmentSizeBytes);
  if (position <= startOf(endSegment)) {
    if (await isOneRecord(position, wal, readEnd)) {
      return [`the archive ends within the record that begins at ${reached.lsn}: no record of ${endSegment} is whole`];
    }
    throw endedEarly(reached, `the archive goes on to ${endSegment}`);
  }
  if (salvage) {
    if (position > parseLsn(salvage.lastLsn)) return [];
    throw endedEarly(reached, `the WAL of the old data goes on to ${salvage.lastLsn}`);
  }
  const segment = segmentOfLsn(position, timelineOfName(endSegment), segmentSizeBytes);
  // The segment before was replayed whole, and nothing of this one.
  if (position === startOf(segment)) return [];
  const end = await readEnd(segment, segmentSizeBytes).catch((error: unknown) => asOdoError(error));
  if (end instanceof OdoError) {
    if (end.code === 'cancelled') throw end;
    return [
      `whether all of ${segment} was replayed could not be looked at, since it could not be read again: ${end.message}`,
    ];
  }
  if (end?.isDamaged && position > parseLsn(end.endLsn)) {
    return [
      `the archive's ${segment} is damaged (${end.because}), and the server had it whole from elsewhere: it ` +
        `came to ${reached.lsn}. Whether that is the end cannot be told by the archive`,
    ];
  }
  if (end?.isDamaged)
    throw endedEarly(reached, `the archive's ${segment} goes on behind a place that is damaged: ${end.because}`);
  if (end?.lastLsn !== undefined && position <= parseLsn(end.lastLsn) && !waits) {
    throw endedEarly(reached, `the archive's ${segment} has records to ${end.lastLsn}`);
  }
  return end?.because === undefined
    ? []
    : [
        `the archive's last segment, ${segment}, is not whole, as an archiver leaves it: ${end.because}; if ` +
          'more was written once, it is not restored',
      ];
}

/**
 * Whether all that the archive has from that position on is the beginning of one record, which may be longer than a
 * segment. Then recovery could come no farther, and nothing is damaged.
 */
async function isOneRecord(
  position: bigint,
  { endSegment, segmentSizeBytes }: ArchivedWal,
  readEnd: ReadEnd,
): Promise<boolean> {
  const segmentBytes = BigInt(segmentSizeBytes);
  const last = BigInt(parseSegmentName(endSegment, segmentSizeBytes).segmentNumber);
  const first = position / segmentBytes;
  if (last - first > BigInt(MAX_RECORD_BYTES) / segmentBytes + 1n) return false;
  for (let number = last; number >= first; number--) {
    const segment = segmentOfLsn(number * segmentBytes, timelineOfName(endSegment), segmentSizeBytes);
    const end = await readEnd(segment, segmentSizeBytes).catch(unlessCancelled);
    if (!end || end.isDamaged || (number < last && end.because !== undefined)) return false;
    if (end.lastLsn !== undefined && (number > first || parseLsn(end.lastLsn) >= position)) return false;
  }
  return true;
}

function unlessCancelled(error: unknown): undefined {
  const known = asOdoError(error);
  if (known.code === 'cancelled') throw known;
}

/** Reads from the repository that a restore is made of. */
export function readEndOf(
  request: Pick<RestoreRequest, 'store'>,
  { repository, backup: { systemIdentifier } }: Pick<RestoreSource, 'repository' | 'backup'>,
  signal: AbortSignal,
): ReadEnd {
  return async (segment, segmentSizeBytes) => {
    const retryForMs = Math.min(request.store.retryForMs ?? PATIENCE_MS, PATIENCE_MS);
    const { store } = openStore({ ...request.store, retryForMs });
    try {
      const archive = await openWalArchive(store, repository.ref);
      return archive && (await readSegmentEnd(store, archive, segment, segmentSizeBytes, { signal, systemIdentifier }));
    } finally {
      store.close();
    }
  };
}

function endedEarly({ lsn, lastCommitTime }: Reached, why: string): OdoError {
  const last = lastCommitTime === undefined ? '' : ` (last commit ${lastCommitTime})`;
  return new OdoError('dataCorrupt', `recovery ended at ${lsn}${last}, but ${why}`, {
    hint: "the WAL is damaged at that place; the server's log says how. The server is up on what it could recover",
  });
}
