import { OdoError } from '../../errors.ts';
import type { Backup, WalArchive, WalFile } from '../../formats/contract/format.ts';
import type { TargetTimeline } from '../../postgres/configuration/recovery-target.ts';
import {
  DEFAULT_SEGMENT_SIZE_BYTES,
  formatSegmentName,
  parseLsn,
  parseSegmentName,
  timelineOfName,
} from '../../postgres/terms/wal-names.ts';
import { isNamedEncrypted } from '../archive/encryption.ts';
import { type ArchivedTimelines, numbersToPassOver, readableNames } from '../timelines/archived-timelines.ts';
import type { TimelineSpan } from '../timelines/timeline-path.ts';
import {
  cutSpans,
  findTimelinePath,
  historiesToFetch,
  type PathStart,
  pathTo,
  spellTimeline,
  type TimelineHistory,
} from '../timelines/timeline-path.ts';
import { filesToReplay } from './replay-files.ts';
import type { WalPlan } from './wal-plan.ts';

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
  /** Names of the archive's objects in the place of the first missing segment. None of them can be read. */
  beside?: string[];
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

/** Where recovery from a backup begins. */
export function startOf({ timeline, beginWal, endLsn, walSegmentSizeBytes }: ArchivedBackup): PathStart {
  const segmentSizeBytes = walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  return { timeline, beginWal, segmentSizeBytes, ...(endLsn === undefined ? {} : { endLsn }) };
}

/**
 * Lists what can be replayed from a backup on the way to a timeline. undefined when that timeline does not descend from
 * the backup.
 */
export async function listReplay(
  archive: WalArchive,
  backup: ArchivedBackup,
  timeline: TargetTimeline | undefined,
  histories: readonly TimelineHistory[],
  signal?: AbortSignal,
): Promise<ReplayList | undefined> {
  const segmentSizeBytes = backup.walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  const start = startOf(backup);
  const own = timeline === 'current' || timeline === backup.timeline;
  const path =
    timeline === undefined || timeline === 'latest'
      ? findTimelinePath(
          start,
          histories.filter((history) => history.timeline > backup.timeline),
        )
      : {
          spans: pathTo(start, own ? backup.timeline : timeline, histories),
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
  const missing = firstMissing(list);
  const beside = missing === undefined ? [] : await archive.beside(missing, signal);
  // Where nothing follows, the last segment is still being written, or was when its server died.
  const telling =
    list.hole === undefined && hasOwnWal(list) ? beside.filter((name) => !name.endsWith('.partial')) : beside;
  if (telling.length > 0) list.beside = telling;
  return list;
}

/** The first segment that recovery would ask for in vain. */
function firstMissing({ hole, files, backup, segmentSizeBytes }: ReplayList): string | undefined {
  const last = files.at(-1);
  if (hole !== undefined || !last) return hole ?? backup.beginWal;
  const { timeline, segmentNumber } = parseSegmentName(last.name, segmentSizeBytes);
  return formatSegmentName({ timeline, segmentNumber: segmentNumber + 1 }, segmentSizeBytes);
}

function leavings(spans: readonly TimelineSpan[], histories: readonly TimelineHistory[]): Map<number, bigint> {
  const last = spans.at(-1)?.timeline;
  const ancestors = histories.find(({ timeline }) => timeline === last)?.ancestors ?? [];
  const passed = ancestors.filter((ancestor) => spans.some(({ timeline }) => timeline === ancestor.timeline));
  return new Map(passed.map(({ timeline, switchLsn }) => [timeline, parseLsn(switchLsn)]));
}

/**
 * The plan that replays a list up to its file number `last`, that one included. `backupIncomplete` for less than the
 * backup itself needs.
 * @param timelines what the archive has of timelines
 */
export function planUpTo(list: ReplayList, last: number, timelines: ArchivedTimelines): WalPlan {
  const { backup, segmentSizeBytes } = list;
  const needed = neededIndex(list);
  if (needed < 0) throw lacksOwnWal(list);
  const files = list.files.slice(0, Math.max(last, needed) + 1);
  const end = files.at(-1) as WalFile;
  const inArchive = files.filter(({ archived }) => archived !== undefined).length;
  const isWhole = files.length === list.files.length;
  const endTimeline = timelineOfName(end.name);
  // A hole may end the recovery before it comes to the timeline that it was to go to.
  const target = list.spans.at(-1)?.timeline;
  const isCut = !isWhole || (list.hole !== undefined && endTimeline !== target);
  const goal = isCut ? endTimeline : (target ?? endTimeline);
  const passedOver = numbersToPassOver(goal, timelines);
  const latestIsRight = list.recoveryTargetTimeline === 'latest' && goal === target && passedOver.length === 0;
  return {
    source: 'archive',
    spans: isCut ? cutSpans(list.spans, end.name) : list.spans,
    segmentSizeBytes,
    recoveryTargetTimeline: latestIsRight ? 'latest' : spellTimeline(backup, goal),
    histories: historiesToFetch(backup.timeline, readableNames(timelines)),
    ...(passedOver.length === 0 ? {} : { passedOver }),
    segments: files.length,
    storedBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    endSegment: end.name,
    ...(inArchive === 0 ? {} : { inArchive }),
    ...(end.archivedAt === undefined ? {} : { endArchivedAt: end.archivedAt.toISOString() }),
    ...(isWhole && list.hole !== undefined ? { hole: list.hole } : {}),
    ...(isWhole && list.beside !== undefined ? { beside: list.beside } : {}),
    ...doubledIn(files),
  };
}

function doubledIn(files: readonly WalFile[]): { doubled?: { segments: number; first: string[] } } {
  const doubled = files.filter(({ twins }) => twins !== undefined);
  const [first] = doubled;
  if (!first) return {};
  const keys = [first, ...(first.twins ?? [])].map(({ key }) => key.slice(key.lastIndexOf('/') + 1));
  return { doubled: { segments: doubled.length, first: keys } };
}

/** The file with which a server on the backup becomes consistent; -1 when there is none. */
function neededIndex({ files, backup, segmentSizeBytes }: ReplayList): number {
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  return files.findIndex(({ name }) => numberOf(name) >= numberOf(backup.endWal));
}

/** Whether a server could become consistent at all. */
export function hasOwnWal(list: ReplayList): boolean {
  return neededIndex(list) >= 0;
}

export function lacksOwnWal(list: ReplayList): OdoError {
  const { backup, hole, files, beside } = list;
  const missing = hole ?? (files.length === 0 ? backup.beginWal : `the one after ${files.at(-1)?.name}`);
  const instead = beside === undefined ? '' : `: ${besideFile(beside)}`;
  return new OdoError(
    'backupIncomplete',
    `backup ${backup.id} needs WAL ${backup.beginWal} to ${backup.endWal}, and the archive lacks ${missing}${instead}`,
    {
      hint:
        'no server could become consistent from it; choose another backup with --backup, or put the missing ' +
        'segment into the archive',
    },
  );
}

/** Words for what stands in the place of a missing segment. */
export function besideFile(names: readonly string[]): string {
  const encrypted = names.filter(isNamedEncrypted);
  if (encrypted.length > 0) return `it has ${encrypted.join(', ')}, which is encrypted, and ODO does not read that`;
  return `it has ${names.join(', ')}, which ODO does not read`;
}
