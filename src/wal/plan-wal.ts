import { OdoError } from '../errors.ts';
import type { Backup, WalArchive } from '../formats/format.ts';
import { DEFAULT_SEGMENT_SIZE_BYTES, parseSegmentName, timelineOfName } from '../postgres/wal-names.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { readHistories } from './read-histories.ts';
import { filesToReplay } from './replay-files.ts';
import { findTimelinePath, historiesToFetch } from './timeline-path.ts';
import type { WalPlan } from './wal-plan.ts';

/**
 * Finds out which WAL a restore of the backup replays: from its begin_wal to the end of the archive on the newest timeline that
 * leads on from it. A segment between begin_wal and end_wal that is missing is `backupIncomplete`: the server could never become
 * consistent. A hole after that is left to the caller to warn of.
 */
export async function planWal(
  store: ObjectStore,
  archive: WalArchive | undefined,
  backup: Backup,
  signal?: AbortSignal,
): Promise<WalPlan> {
  if (backup.wal === 'included' || archive === undefined) return { source: 'included' };
  const { timeline, beginWal } = backup;
  if (timeline === undefined || beginWal === undefined) {
    throw new OdoError('backupIncomplete', `backup ${backup.id} does not say at which WAL segment it begins`, {
      hint: 'choose another backup with --backup',
    });
  }
  const segmentSizeBytes = backup.walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  const historyFiles = await archive.histories(signal);
  // those up to its own timeline tell nothing of where it leads
  const newer = historyFiles.filter(({ name }) => timelineOfName(name) > timeline);
  const histories = await readHistories(store, newer, signal);
  const start = { timeline, beginWal, segmentSizeBytes, ...(backup.endLsn === undefined ? {} : { endLsn: backup.endLsn }) };
  const path = findTimelinePath(start, histories);

  let segments = 0;
  let storedBytes = 0;
  let endSegment: string | undefined;
  let endArchivedAt: Date | undefined;
  let hole: string | undefined;
  for await (const step of filesToReplay(archive, path.spans, segmentSizeBytes, signal)) {
    if (step.kind === 'hole') {
      hole = step.missing;
      break;
    }
    segments += 1;
    storedBytes += step.file.sizeBytes;
    endSegment = step.file.name;
    endArchivedAt = step.file.archivedAt;
  }
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const reached = endSegment === undefined ? -1 : numberOf(endSegment);
  const neededTo = numberOf(backup.endWal ?? beginWal);
  if (endSegment === undefined || reached < neededTo) {
    const missing = hole ?? (endSegment === undefined ? beginWal : `the one after ${endSegment}`);
    throw new OdoError(
      'backupIncomplete',
      `backup ${backup.id} needs WAL ${beginWal} to ${backup.endWal ?? beginWal}, and the archive lacks ${missing}`,
      {
        hint: 'no server could become consistent from it; choose another backup with --backup, or put the missing segment into the archive',
      },
    );
  }
  return {
    source: 'archive',
    spans: path.spans,
    segmentSizeBytes,
    recoveryTargetTimeline: path.recoveryTargetTimeline,
    histories: historiesToFetch(
      timeline,
      historyFiles.map(({ name }) => name),
    ),
    segments,
    storedBytes,
    endSegment,
    ...(endArchivedAt === undefined ? {} : { endArchivedAt: endArchivedAt.toISOString() }),
    ...(hole === undefined ? {} : { hole }),
  };
}
