import type { Backup } from '../../formats/contract/format.ts';
import { parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { runWith } from '../timelines/reach.ts';
import type { ArchivedWal, WalRun } from '../timelines/survey-wal.ts';

/** A complete backup whose WAL lies in an archive. */
export type ArchiveBackup = Backup & { timeline: number; beginWal: string };

/**
 * A way to moments of one timeline: by a backup taken on it, or by an older backup over the branch where the timeline
 * begins.
 */
export interface Carrier {
  backupId: string;
  /** The position of the first moment that can be recovered; the time is that of the backup's end. */
  from: bigint;
  fromTime?: string | undefined;
  /** The segment that replay begins with on this timeline. */
  firstNumber: number;
  /** The run that holds firstNumber. undefined when it is missing, or when replay does not even get to the branch. */
  run: WalRun | undefined;
  /** The position behind what can be replayed. */
  to: bigint;
}

export function needsArchive(backup: Backup): backup is ArchiveBackup {
  const { state, wal, timeline, beginWal } = backup;
  return state === 'complete' && wal === 'archive' && timeline !== undefined && beginWal !== undefined;
}

/** The way that a backup opens on its own timeline. */
export function ownCarrier(backup: ArchiveBackup, wal: ArchivedWal): Carrier {
  const { id, timeline, beginWal, endWal = beginWal, endLsn, endTime } = backup;
  const numberOf = (name: string) => parseSegmentName(name, wal.segmentSizeBytes).segmentNumber;
  const firstNumber = numberOf(beginWal);
  const run = runWith(wal.runs.get(timeline) ?? [], firstNumber);
  return {
    backupId: id,
    from: endLsn === undefined ? positionOf(numberOf(endWal) + 1, wal) : parseLsn(endLsn),
    fromTime: endTime,
    firstNumber,
    run,
    to: positionOf(run === undefined ? firstNumber : run.lastNumber + 1, wal),
  };
}

/**
 * The way to a timeline that branched off at `switchLsn` from the timeline of the `older` carriers. It is the way of
 * the oldest one from which replay gets to the branch. If none does, it is that of the oldest that ended before the
 * branch. undefined when all ended later.
 */
export function inheritedCarrier(
  older: readonly Carrier[],
  timeline: number,
  switchLsn: string,
  wal: ArchivedWal,
): Carrier | undefined {
  const at = parseLsn(switchLsn);
  const firstNumber = Number(at / BigInt(wal.segmentSizeBytes));
  const start = positionOf(firstNumber, wal);
  const before = older.filter(({ from }) => from <= at);
  // The unfinished segment of the old timeline may be absent: the new timeline's file of that number holds its content,
  // too.
  const reaching = oldestOf(before.filter(({ to }) => to >= start));
  const carrier = reaching ?? oldestOf(before);
  if (carrier === undefined) return undefined;
  const run = reaching && runWith(wal.runs.get(timeline) ?? [], firstNumber);
  const to = reaching ? positionOf(run === undefined ? firstNumber : run.lastNumber + 1, wal) : carrier.to;
  return { backupId: carrier.backupId, from: at, firstNumber, run, to };
}

function oldestOf(carriers: readonly Carrier[]): Carrier | undefined {
  return carriers.reduce<Carrier | undefined>(
    (oldest, next) => (oldest && oldest.from <= next.from ? oldest : next),
    undefined,
  );
}

function positionOf(segmentNumber: number, wal: ArchivedWal): bigint {
  return BigInt(segmentNumber) * BigInt(wal.segmentSizeBytes);
}
