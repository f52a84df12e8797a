import type { Backup } from '../../formats/contract/format.ts';
import type { HistoryEntry } from '../../postgres/terms/timeline-history.ts';
import { formatLsn, formatSegmentName, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { findHoles, type WalHole } from '../timelines/holes.ts';
import { lsnOf, reachOf } from '../timelines/reach.ts';
import type { ArchivedWal, WalRun } from '../timelines/survey-wal.ts';
import { type UnplacedTimeline, unplacedInSurvey } from '../timelines/unplaced-timelines.ts';
import { type ArchiveBackup, type Carrier, inheritedCarrier, needsArchive, ownCarrier } from './carrier.ts';

/**
 * A stretch of one timeline, every moment of which can be recovered. Times of WAL are those of its upload: about, never
 * exactly.
 */
export interface RecoverableStretch {
  /** The oldest backup that leads there. */
  backupId: string;
  /** The backup's end. If the backup lies on an older timeline: where this timeline branched off. */
  fromLsn: string;
  fromTime?: string;
  /** The last segment of the stretch. */
  toSegment: string;
  /** The position behind the last segment. */
  toLsn: string;
  /** When the last segment was archived. */
  toTime?: string;
}

/** The WAL that the archive has of one timeline, and what can be recovered of it. */
export interface TimelineWindow {
  timeline: number;
  /**
   * Where this timeline left the one that it comes from, and about when. Absent for the first timeline, and without a
   * history.
   */
  branch?: { timeline: number; switchLsn: string; time?: string };
  segments: number;
  storedBytes: number;
  firstSegment?: string;
  firstTime?: string;
  lastSegment?: string;
  lastTime?: string;
  /** The stretches in order. */
  stretches: RecoverableStretch[];
  /** Holes in the WAL that the complete backups leading to this timeline need, or can be followed by. */
  holes: WalHole[];
}

/** Which moments a repository with a WAL archive can be recovered to, as plain JSON. */
export interface RecoverableWindow {
  /** The timelines in ascending order. */
  timelines: TimelineWindow[];
  /** Complete backups from which no server can become consistent, since WAL that they need is missing. */
  unusable: { id: string; reason: string }[];
  /** Segments that no history leads to: no restore goes by them. */
  unplaced?: UnplacedTimeline[];
}

/**
 * Finds the moments that can be recovered: from the end of each complete backup to the next hole or the end of the
 * archive, and on to the timelines that descend from it.
 */
export function findWindow(backups: readonly Backup[], wal: ArchivedWal): RecoverableWindow {
  const complete = backups.filter(needsArchive);
  const ancestors = ancestry(wal);
  /** For each timeline, the ways to it, and the last segments that they need of it. */
  const found = new Map<number, { carriers: Carrier[]; needed: number[] }>();

  for (const timeline of timelinesOf(complete, wal)) {
    const own = complete.filter((backup) => backup.timeline === timeline);
    const carriers = own.map((backup) => ownCarrier(backup, wal));
    const needed = own.map(({ beginWal, endWal = beginWal }) => numberOf(endWal, wal));
    const parent = ancestors.get(timeline)?.at(-1);
    const older = parent && found.get(parent.timeline);
    const carrier = parent && older && inheritedCarrier(older.carriers, timeline, parent.switchLsn, wal);
    if (carrier) {
      carriers.push({ ...carrier, fromTime: timeOfHistory(timeline, wal) });
      older.needed.push(carrier.firstNumber - 1);
    }
    found.set(timeline, { carriers, needed });
  }

  const timelines = [...found].map(([timeline, { carriers, needed }]): TimelineWindow => {
    const runs = wal.runs.get(timeline) ?? [];
    const parent = ancestors.get(timeline)?.at(-1);
    const from = Math.min(...carriers.map(({ firstNumber }) => firstNumber));
    return {
      timeline,
      ...(parent ? { branch: branchOf(parent, timeOfHistory(timeline, wal)) } : {}),
      ...extentOf(runs, wal),
      stretches: stretchesOf(runs, carriers, wal),
      holes: findHoles(timeline, runs, { from, to: Math.max(...needed) }, wal.segmentSizeBytes),
    };
  });
  const unusable = complete.flatMap((backup) => {
    const reason = whyUnusable(backup, wal);
    return reason === undefined ? [] : [{ id: backup.id, reason }];
  });
  // Nothing older than the oldest backup can be recovered anyway. A backup's own timeline needs no history.
  const oldest = Math.min(...complete.map(({ timeline }) => timeline));
  const own = new Set(complete.map(({ timeline }) => timeline));
  const unplaced = unplacedInSurvey(oldest, wal).filter(({ timeline }) => !own.has(timeline));
  return { timelines, unusable, ...(unplaced.length === 0 ? {} : { unplaced }) };
}

/** Why no server can become consistent from a complete backup with this archive; undefined when one can. */
export function whyUnusable(backup: Backup, wal: ArchivedWal): string | undefined {
  if (!needsArchive(backup)) return undefined;
  const { timeline, beginWal, endWal = beginWal, endLsn } = backup;
  const start = {
    timeline,
    beginWal,
    segmentSizeBytes: wal.segmentSizeBytes,
    ...(endLsn === undefined ? {} : { endLsn }),
  };
  const later = wal.histories.map((history) => history.timeline).filter((other) => other > timeline);
  let lacks = beginWal;
  for (const target of [timeline, ...later]) {
    const last = reachOf(start, target, wal)?.lastSegment;
    if (last === undefined) continue;
    if (numberOf(last, wal) >= numberOf(endWal, wal)) return undefined;
    if (target === timeline) lacks = nameOf(timeline, numberOf(last, wal) + 1, wal);
  }
  return `it needs WAL ${beginWal} to ${endWal}, and the archive lacks ${lacks}`;
}

/** Each timeline's ancestors, oldest first. If a timeline's own history is missing, they come from a descendant's. */
function ancestry(wal: ArchivedWal): Map<number, HistoryEntry[]> {
  const ancestors = new Map<number, HistoryEntry[]>();
  for (const history of wal.histories) {
    for (const [index, { timeline }] of history.ancestors.entries()) {
      if (index > 0 && !ancestors.has(timeline)) ancestors.set(timeline, history.ancestors.slice(0, index));
    }
    ancestors.set(history.timeline, history.ancestors);
  }
  return ancestors;
}

function timelinesOf(backups: readonly ArchiveBackup[], wal: ArchivedWal): number[] {
  const known = wal.histories.flatMap(({ timeline, ancestors }) => [
    timeline,
    ...ancestors.map((entry) => entry.timeline),
  ]);
  return [...new Set([...wal.runs.keys(), ...known, ...backups.map(({ timeline }) => timeline)])].sort((a, b) => a - b);
}

function branchOf({ timeline, switchLsn }: HistoryEntry, time: string | undefined): TimelineWindow['branch'] & object {
  return { timeline, switchLsn, ...(time === undefined ? {} : { time }) };
}

function timeOfHistory(timeline: number, wal: ArchivedWal): string | undefined {
  return wal.histories.find((history) => history.timeline === timeline)?.archivedAt?.toISOString();
}

function extentOf(runs: readonly WalRun[], wal: ArchivedWal) {
  const [first, last] = [runs[0], runs.at(-1)];
  return {
    segments: runs.reduce((sum, run) => sum + run.lastNumber - run.firstNumber + 1, 0),
    storedBytes: runs.reduce((sum, run) => sum + run.storedBytes, 0),
    ...(first ? { firstSegment: nameOf(first.timeline, first.firstNumber, wal) } : {}),
    ...(first?.firstArchivedAt ? { firstTime: first.firstArchivedAt.toISOString() } : {}),
    ...(last ? { lastSegment: nameOf(last.timeline, last.lastNumber, wal) } : {}),
    ...(last?.lastArchivedAt ? { lastTime: last.lastArchivedAt.toISOString() } : {}),
  };
}

/** The stretch that can be recovered in each run: from the first moment that any carrier has in it to its end. */
function stretchesOf(runs: readonly WalRun[], carriers: readonly Carrier[], wal: ArchivedWal): RecoverableStretch[] {
  const firstIn = new Map<WalRun, Carrier>();
  for (const carrier of carriers) {
    if (carrier.run === undefined || carrier.from > carrier.to) continue;
    const other = firstIn.get(carrier.run);
    if (other === undefined || carrier.from < other.from) firstIn.set(carrier.run, carrier);
  }
  return runs.flatMap((run): RecoverableStretch[] => {
    const first = firstIn.get(run);
    if (first === undefined) return [];
    return [
      {
        backupId: first.backupId,
        fromLsn: formatLsn(first.from),
        ...(first.fromTime === undefined ? {} : { fromTime: first.fromTime }),
        toSegment: nameOf(run.timeline, run.lastNumber, wal),
        toLsn: lsnOf(run.lastNumber + 1, wal.segmentSizeBytes),
        ...(run.lastArchivedAt === undefined ? {} : { toTime: run.lastArchivedAt.toISOString() }),
      },
    ];
  });
}

function numberOf(name: string, wal: ArchivedWal): number {
  return parseSegmentName(name, wal.segmentSizeBytes).segmentNumber;
}

function nameOf(timeline: number, segmentNumber: number, wal: ArchivedWal): string {
  return formatSegmentName({ timeline, segmentNumber }, wal.segmentSizeBytes);
}
