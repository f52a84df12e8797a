import { OdoError } from '../errors.ts';
import type { Backup, WalArchive, WalFile } from '../formats/format.ts';
import type { TargetTimeline } from '../postgres/recovery-target.ts';
import { DEFAULT_SEGMENT_SIZE_BYTES, parseLsn, parseSegmentName, timelineOfName } from '../postgres/wal-names.ts';
import { filesToReplay } from './replay-files.ts';
import { findTimelinePath, historiesToFetch, pathTo, type TimelineHistory } from './timeline-path.ts';
import type { TimelineSpan, WalPlan } from './wal-plan.ts';

/** A complete backup whose WAL is in an archive. */
export type ArchivedBackup = Backup & { timeline: number; beginWal: string; endWal: string };

/** All that recovery from one backup could replay, in its order. */
export interface ReplayList {
  backup: ArchivedBackup;
  spans: TimelineSpan[];
  recoveryTargetTimeline: 'latest' | 'current' | number;
  segmentSizeBytes: number;
  files: WalFile[];
  /** Where each timeline of the way but the last one is left. */
  leftAt: ReadonlyMap<number, bigint>;
  /** The segment that is missing although later ones are there: the list ends before it. */
  hole?: string;
}

export function isArchived(backup: Backup): backup is ArchivedBackup {
  return backup.timeline !== undefined && backup.beginWal !== undefined && backup.endWal !== undefined;
}

/** Where a backup's own WAL ends: no moment before that can be recovered from it. */
export function endOf(backup: ArchivedBackup): bigint {
  if (backup.endLsn !== undefined) return parseLsn(backup.endLsn);
  const sizeBytes = backup.walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  return BigInt(parseSegmentName(backup.endWal, sizeBytes).segmentNumber + 1) * BigInt(sizeBytes);
}

/** Lists what can be replayed from a backup on the way to a timeline; undefined when that one does not descend from the backup. */
export async function listReplay(
  archive: WalArchive,
  backup: ArchivedBackup,
  timeline: TargetTimeline | undefined,
  histories: readonly TimelineHistory[],
  signal?: AbortSignal,
): Promise<ReplayList | undefined> {
  const segmentSizeBytes = backup.walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  const { endLsn } = backup;
  const start = {
    timeline: backup.timeline,
    beginWal: backup.beginWal,
    segmentSizeBytes,
    ...(endLsn === undefined ? {} : { endLsn }),
  };
  const own = timeline === 'current' || timeline === backup.timeline;
  const path =
    timeline === undefined || timeline === 'latest'
      ? findTimelinePath(
          start,
          histories.filter((history) => history.timeline > backup.timeline),
        )
      : {
          spans: pathTo(start, own ? backup.timeline : timeline, histories),
          // By its number, a server would want to see the history of its own timeline.
          recoveryTargetTimeline: own ? ('current' as const) : timeline,
        };
  if (!path.spans) return undefined;
  const list: ReplayList = {
    backup,
    spans: path.spans,
    recoveryTargetTimeline: path.recoveryTargetTimeline,
    segmentSizeBytes,
    files: [],
    leftAt: leavings(path.spans, histories),
  };
  for await (const step of filesToReplay(archive, path.spans, segmentSizeBytes, signal)) {
    if (step.kind === 'hole') list.hole = step.missing;
    else list.files.push(step.file);
  }
  return list;
}

function leavings(spans: readonly TimelineSpan[], histories: readonly TimelineHistory[]): Map<number, bigint> {
  const last = spans.at(-1)?.timeline;
  const ancestors = histories.find(({ timeline }) => timeline === last)?.ancestors ?? [];
  const passed = ancestors.filter((ancestor) => spans.some(({ timeline }) => timeline === ancestor.timeline));
  return new Map(passed.map(({ timeline, switchLsn }) => [timeline, parseLsn(switchLsn)]));
}

/**
 * The plan that replays a list up to and with its file number `last`. Less than the backup itself needs is `backupIncomplete`.
 * @param archived names of the archive's timeline histories
 */
export function planUpTo(list: ReplayList, last: number, archived: readonly string[]): WalPlan {
  const { backup, segmentSizeBytes } = list;
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const neededIndex = list.files.findIndex(({ name }) => numberOf(name) >= numberOf(backup.endWal));
  if (neededIndex < 0) {
    const missing = list.hole ?? (list.files.length === 0 ? backup.beginWal : `the one after ${list.files.at(-1)?.name}`);
    throw new OdoError(
      'backupIncomplete',
      `backup ${backup.id} needs WAL ${backup.beginWal} to ${backup.endWal}, and the archive lacks ${missing}`,
      { hint: 'no server could become consistent from it; choose another backup with --backup' },
    );
  }
  const files = list.files.slice(0, Math.max(last, neededIndex) + 1);
  const end = files.at(-1) as WalFile;
  const isWhole = files.length === list.files.length;
  const endTimeline = timelineOfName(end.name);
  const passed = list.spans.slice(0, list.spans.findIndex((span) => span.timeline === endTimeline) + 1);
  const spans = isWhole ? list.spans : [...passed.slice(0, -1), { ...(passed.at(-1) as TimelineSpan), lastSegment: end.name }];
  return {
    source: 'archive',
    spans,
    segmentSizeBytes,
    recoveryTargetTimeline: list.recoveryTargetTimeline,
    histories: historiesToFetch(backup.timeline, archived),
    segments: files.length,
    storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    endSegment: end.name,
    ...(end.archivedAt === undefined ? {} : { endArchivedAt: end.archivedAt.toISOString() }),
    ...(isWhole && list.hole !== undefined ? { hole: list.hole } : {}),
  };
}
