import { type TargetTimeline, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { formatMicros, parseMicros } from '../../postgres/terms/timestamp.ts';
import {
  DEFAULT_SEGMENT_SIZE_BYTES,
  formatLsn,
  parseLsn,
  parseSegmentName,
  segmentOfLsn,
} from '../../postgres/terms/wal-names.ts';
import type { WalMark } from '../../postgres/wal/wal-marks.ts';
import { findOtherEnds, refuseOtherEnds } from '../plan/other-ends.ts';
import { refuseTwoTimelines } from '../plan/other-timelines.ts';
import { describeEnds, describeUnplaced, wayOf } from '../plan/plan-wal.ts';
import { refuseArchivedWal } from '../plan/refuse-archived-wal.ts';
import { type ArchivedBackup, endOf, hasOwnWal, planUpTo, type ReplayList, startOf } from '../plan/replay-list.ts';
import { type FoundMark, searchWal } from '../plan/search-wal.ts';
import type { WalPlan } from '../plan/wal-plan.ts';
import { readTimelines } from '../timelines/archived-timelines.ts';
import { descendants } from '../timelines/timeline-path.ts';
import { findUnplaced, mayLeadOn, refuseUnplaced } from '../timelines/unplaced-timelines.ts';
import { allLists, listsOf, type MomentQuery, type MomentSearch } from './moment-search.ts';
import { onOtherTimeline } from './on-other-timeline.ts';
import { nothingLater, noWay, nowhere, onlyWithinBackup, tooEarly, tooLate, when } from './out-of-reach.ts';

/** The backup and the WAL from which a moment is recovered. */
export interface FoundMoment {
  backup: ArchivedBackup;
  wal: WalPlan;
  /** The timeline on which recovery stops. */
  timeline: number;
  /** Why this backup was chosen, in words. */
  because: string;
  /** The record that recovery stops at, where the search has seen it. */
  stop?: { lsn: string; time: string };
  /** Newer backups that could not be taken, with the reason in words. */
  skipped?: { id: string; reason: string }[];
  /** What is not certain: recovery may end without having come to the target. */
  doubt?: string;
}

/**
 * WAL behind the segment of an LSN: the record there may run on, and the record that shows that it was reached comes
 * after it.
 */
const MARGIN_BYTES = 64 * 1024 * 1024;

/**
 * Finds the newest backup from which recovery comes to the moment. Where the WAL itself tells, looks the moment up in
 * it: PostgreSQL would notice only at the end of the archive, with the old data already exchanged, that it was never
 * there. `targetOutOfReach` when it cannot be reached, saying what can. `usage` when the user has to name a timeline.
 */
export async function findMoment(query: MomentQuery): Promise<FoundMoment> {
  const search = await openSearch(query);
  return withRest(search, await findTarget(search));
}

async function findTarget(search: MomentSearch): Promise<FoundMoment> {
  const { target } = search.moment;
  switch (target.kind) {
    case 'immediate':
      return findImmediate(search);
    case 'lsn':
      return findLsn(search, parseLsn(target.lsn));
    case 'time':
      return findTime(search, target.time);
    case 'xid': {
      const xid = Number(target.xid);
      return findMark(search, (mark) => mark.xids.includes(xid));
    }
    case 'name': {
      const { name } = target;
      return findMark(search, (mark) => mark.name === name);
    }
  }
}

/** The newest backup that leads to a timeline, and all that can be replayed on the way to its end. */
export async function findTimelineEnd(
  query: Omit<MomentQuery, 'moment'>,
  timeline: TargetTimeline,
): Promise<FoundMoment> {
  const moment = { target: { kind: 'immediate' }, timeline, exclusive: false, action: 'promote' } as const;
  const search = await openSearch({ ...query, moment });
  const list = await firstOf(listsOf(search));
  if (!list) throw noWay(search);
  const plan = planUpTo(list, list.files.length - 1, search.timelines);
  return withRest(search, {
    backup: list.backup,
    wal: timeline === 'latest' ? await describeEnds(search, list, plan) : plan,
    because: newestBefore(search, list),
    timeline: list.spans.at(-1)?.timeline ?? list.backup.timeline,
    ...(list.hole === undefined
      ? {}
      : { doubt: `the archive lacks ${list.hole}, and nothing that was committed later is recovered` }),
  });
}

/** Refuses when segments that no history leads to may hold the wanted moment. */
async function refuseLostSegments(search: MomentSearch, backup: ArchivedBackup, from = ''): Promise<void> {
  const { archive, timelines, histories, signal } = search;
  const sizeBytes = backup.walSegmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
  const unplaced = await findUnplaced(archive, backup.timeline, timelines, sizeBytes, signal);
  const open = unplaced.filter(
    (other) => mayLeadOn(other, backup, sizeBytes) && (from === '' || other.firstSegment.slice(8) <= from),
  );
  refuseUnplaced(open, descendants(startOf(backup), histories));
}

/** Adds what a plan does not go by, and what was passed over on the way to it. */
async function withRest(search: MomentSearch, found: FoundMoment): Promise<FoundMoment> {
  const { store, archive, timelines, signal } = search;
  await refuseArchivedWal(store, archive, found.wal, signal);
  const skipped = [...search.passedOver].map(([id, { message }]) => ({ id, reason: message }));
  const wal = await describeUnplaced({ archive, timelines, ...(signal ? { signal } : {}) }, found.backup, found.wal);
  return { ...found, wal, ...(skipped.length === 0 ? {} : { skipped }) };
}

async function openSearch(query: MomentQuery): Promise<MomentSearch> {
  const { store, archive, backups, signal } = query;
  // Timelines before the oldest backup's one tell nothing of where it leads.
  const oldest = Math.min(...backups.map(({ timeline }) => timeline));
  const timelines = await readTimelines(store, archive, oldest, signal);
  const segmentSizeBytes = backups[0]?.walSegmentSizeBytes;
  // A server that was made anew may go on in the archive of the one before it.
  const [systemIdentifier, ...others] = new Set(backups.map((backup) => backup.systemIdentifier));
  const cluster = others.length === 0 ? { systemIdentifier } : {};
  const wal = searchWal(store, segmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES, { signal, ...cluster });
  return { ...query, histories: timelines.histories, timelines, wal, passedOver: new Map() };
}

async function findImmediate(search: MomentSearch): Promise<FoundMoment> {
  const { timelines, moment } = search;
  for await (const list of allLists({ ...search, moment: { ...moment, timeline: moment.timeline ?? 'current' } })) {
    // Where another timeline branched off at once, the backup's last segment is archived only there.
    const isThere = list.files.some(({ name }) => name === list.backup.endWal);
    const found = isThere && hasOwnWal(list) ? list : await firstOf(listsOf({ ...search, backups: [list.backup] }));
    if (!found) continue;
    const because = search.named ? 'it was asked for' : 'it is the newest';
    const { timeline } = list.backup;
    return { backup: list.backup, wal: planUpTo(found, 0, timelines), because, timeline };
  }
  throw noWay(search);
}

async function findLsn(search: MomentSearch, lsn: bigint): Promise<FoundMoment> {
  const { backups, timelines, moment } = search;
  const fitting = backups.filter((backup) => endOf(backup) <= lsn);
  if (fitting.length === 0) throw tooEarly(search, (backup) => `${formatLsn(endOf(backup))}`);
  const list = await firstOf(listsOf({ ...search, backups: fitting }));
  if (!list) throw noWay(search);
  const { segmentSizeBytes } = list;
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const wanted = Number(lsn / BigInt(segmentSizeBytes));
  const at = list.files.findLastIndex(({ name }) => numberOf(name) === wanted);
  if (at < 0) {
    const end = list.files.at(-1);
    const reach = end
      ? `it goes to ${end.name}, before ${formatLsn(BigInt(numberOf(end.name) + 1) * BigInt(segmentSizeBytes))}`
      : 'it is empty';
    throw tooLate(list, `LSN ${formatLsn(lsn)} is not in the archive: ${reach}`);
  }
  if (moment.timeline === undefined) {
    await refuseTwoTimelines(search, list, lsn);
    await refuseLostSegments(search, list.backup, segmentOfLsn(lsn, 0, segmentSizeBytes).slice(8));
  }
  const last = list.files.findLastIndex(
    ({ name }) => numberOf(name) <= wanted + Math.max(1, MARGIN_BYTES / segmentSizeBytes),
  );
  return {
    backup: list.backup,
    wal: planUpTo(list, last, timelines),
    timeline: timelineAt(list, lsn),
    because: `it ended at ${formatLsn(endOf(list.backup))}, ${newestBefore(search, list)}`,
    ...(at === list.files.length - 1
      ? {
          doubt:
            `LSN ${formatLsn(lsn)} lies in the last segment that can be replayed; whether a record follows it ` +
            'there is seen in recovery',
        }
      : {}),
  };
}

async function findTime(search: MomentSearch, time: string): Promise<FoundMoment> {
  const { backups, timelines, moment, wal } = search;
  const wanted = parseMicros(time);
  const endedAt = (backup: ArchivedBackup) => parseMicros(new Date(backup.endTime ?? 0).toISOString());
  const fitting = backups.filter((backup) => endedAt(backup) <= wanted);
  if (fitting.length === 0) throw tooEarly(search, ({ endTime }) => String(endTime));
  const passes = (micros: bigint) => (moment.exclusive ? micros >= wanted : micros > wanted);
  let within: { backup: ArchivedBackup; mark: WalMark } | undefined;
  for await (const list of listsOf({ ...search, backups: fitting })) {
    const { backup } = list;
    const next = await wal.firstEndFrom(list, passes);
    if (!next) throw await nothingLater(search, list, time);
    // The time that a backup notes as its end is a little before the end of the WAL that it needs.
    within = { backup, mark: next.mark };
    if (next.mark.lsn < endOf(backup)) continue;
    if (moment.timeline === undefined) {
      await refuseLostSegments(search, backup);
      const until = { micros: wanted, isWithin: (micros: bigint) => !passes(micros) };
      refuseOtherEnds(await findOtherEnds(search, wayOf(list), until), 'time');
    }
    return {
      backup,
      wal: planUpTo(list, next.index, timelines),
      timeline: timelineAt(list, next.mark.lsn),
      because:
        `it ended at ${backup.endTime}, ${newestBefore(search, list)}; the next transaction behind the target ` +
        `ended at ${when(next.mark)}`,
      stop: stopOf(next.mark),
    };
  }
  throw within ? onlyWithinBackup(search, within.backup, within.mark) : noWay(search);
}

/**
 * Finds a restore point or a transaction. Its place is not known beforehand, so the WAL behind each backup is searched,
 * the newest backup's first.
 */
async function findMark(search: MomentSearch, passes: (mark: WalMark) => boolean): Promise<FoundMoment> {
  const { timelines, wal, moment } = search;
  let seen: { list: ReplayList; found: FoundMark } | undefined;
  for await (const list of listsOf(search)) {
    const found = await wal.first(list, passes);
    if (!found) continue;
    seen = { list, found };
    // A backup needs the WAL between its beginning and its end to become consistent. That is no place to stop at.
    if (found.mark.lsn < endOf(list.backup)) continue;
    const { backup } = list;
    // Each timeline goes on with the same numbers; a restore point's name is hardly given twice.
    if (moment.timeline === undefined && moment.target.kind === 'xid') await refuseLostSegments(search, backup);
    const where =
      `${targetWords({ target: moment.target, exclusive: false })} is at ${formatLsn(found.mark.lsn)}, of ` +
      `${when(found.mark)}`;
    return {
      backup,
      wal: planUpTo(list, found.index, timelines),
      timeline: timelineAt(list, found.mark.lsn),
      because: `${where}, and the backup ended at ${formatLsn(endOf(backup))}, ${newestBefore(search, list)}`,
      stop: stopOf(found.mark),
    };
  }
  if (seen) throw onlyWithinBackup(search, seen.list.backup, seen.found.mark);
  throw (await onOtherTimeline(search, passes)) ?? (await nowhere(search));
}

async function firstOf<T>(items: AsyncGenerator<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

function newestBefore({ named }: MomentSearch, { spans }: ReplayList): string {
  const way = spans.map(({ timeline }) => timeline).join(' → ');
  const timelines = spans.length === 1 ? `on timeline ${way}` : `along the timelines ${way}`;
  return `${named ? 'and was asked for' : 'the newest that did so before the target'}, ${timelines}`;
}

function timelineAt({ spans, leftAt, backup }: ReplayList, lsn: bigint): number {
  const left = spans.find(({ timeline }) => lsn < (leftAt.get(timeline) ?? lsn + 1n));
  return left?.timeline ?? backup.timeline;
}

function stopOf({ lsn, micros }: WalMark): { lsn: string; time: string } {
  return { lsn: formatLsn(lsn), time: formatMicros(micros) };
}
