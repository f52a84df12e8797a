import { type ErrorCode, OdoError } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import { formatMicros } from '../../postgres/terms/timestamp.ts';
import { formatLsn, parseLsn, parseSegmentName, segmentOfLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { WalMark } from '../../postgres/wal/wal-marks.ts';
import type { TimelineSpan } from '../timelines/timeline-path.ts';
import { descendants, type PathStart, type TimelineHistory } from '../timelines/timeline-path.ts';
import { isEnd, type WalSearch } from './search-wal.ts';

/** An end of the archive that is left out when recovery goes another way, as plain JSON. Times are ISO 8601. */
export interface OtherEnd {
  timeline: number;
  /** Where this end leaves the way of the recovery. */
  leftAt: string;
  /** The timeline that the way goes on with. */
  leftFor: number;
  segments: number;
  lastSegment: string;
  lastArchivedAt?: string;
  /** Time of the first commit behind that point. */
  firstCommitTime?: string;
  /** Time of the last commit behind that point. */
  lastCommitTime?: string;
  /** The way's own commits behind that point; absent where it has none. */
  own?: { firstCommitTime: string; lastCommitTime: string };
  /** Nobody but the user can say which of the two is meant. */
  isRival: boolean;
}

/** Where to look. */
export interface EndSearch {
  archive: WalArchive;
  histories: readonly TimelineHistory[];
  wal: WalSearch;
  signal?: AbortSignal;
}

/** The way that recovery goes. */
export interface Way {
  start: PathStart;
  spans: readonly TimelineSpan[];
  /** Where each timeline of the way but the last one is left. */
  leftAt: ReadonlyMap<number, bigint>;
  /** The files that are replayed, in order. */
  files: readonly WalFile[];
}

/** Far more of a timeline than it takes to meet its first commit, or its last. */
const SEGMENTS_LOOKED_AT = 64;

/**
 * How long two ends may overlap without a question, when the newer timeline has the later commits. A server that dies
 * while its standby is promoted may go on for a moment. A copy that somebody tries out overlaps with production for
 * longer.
 */
const OVERLAP_MICROS = 5n * 60n * 1_000_000n;

/**
 * Finds the ends that the archive has beside the way: timelines that go on behind the point where the way left them,
 * and others that branched off. A restore to an earlier moment leaves such an end, and so does a failover. A copy that
 * was tried out may also have archived into the original's archive, and then the newest timeline is the one with less.
 * The times of the commits tell which it is. Those of the upload do not: it may come late, or be a copy's.
 * @param until the moment that is wanted, if not the end: in microseconds, with whether a transaction that ended then
 * belongs to it
 */
export async function findOtherEnds(
  search: EndSearch,
  way: Way,
  until?: { micros: bigint; isWithin: (micros: bigint) => boolean },
): Promise<OtherEnd[]> {
  const found: OtherEnd[] = [];
  for (const branch of branchesOf(search, way)) {
    const other = await lookAt(search, way, branch, until);
    if (other) found.push(other);
  }
  return found;
}

/** `usage` when there is an end that may be the one that is meant: ODO never takes the one with less in silence. */
export function refuseOtherEnds(ends: readonly OtherEnd[], target: 'end' | 'time'): void {
  const rivals = ends.filter(({ isRival }) => isRival);
  const [first] = rivals;
  if (!first) return;
  const chosen = first.leftFor;
  const ways = rivals.map(
    ({ timeline }) =>
      `--target-timeline ${timeline} restores ${target === 'time' ? 'the state as it was then' : 'its end'}`,
  );
  throw new OdoError('usage', rivals.map((rival) => rivalWords(rival, target)).join('; '), {
    hint:
      `${ways.join(', ')}; --target-timeline ${chosen} the one ` +
      `${first.own ? 'that it leads to' : `at ${first.leftAt}`}, without those commits`,
  });
}

/** Words for ends that are left out although their commits overlap with the way's own, or the way has none. */
export function leftOutWords(ends: readonly OtherEnd[]): string[] {
  const overlaps = ({ own, lastCommitTime }: OtherEnd) =>
    !own || (lastCommitTime !== undefined && lastCommitTime > own.firstCommitTime);
  return ends
    .filter(overlaps)
    .map((end) => `${rivalWords(end, 'end')}; what timeline ${end.timeline} has behind that point is left out`);
}

function rivalWords(end: OtherEnd, target: 'end' | 'time'): string {
  const { timeline, leftAt, leftFor, firstCommitTime, lastCommitTime, lastArchivedAt, own } = end;
  const from = firstCommitTime === undefined ? '' : ` from ${spellMoment(firstCommitTime)} on`;
  const to = lastCommitTime === undefined ? '' : ` to ${spellMoment(lastCommitTime)}`;
  const archived = lastArchivedAt === undefined ? '' : `, archived until ${spellMoment(lastArchivedAt)}`;
  const ownCommits = own
    ? `whose commits are of ${spellMoment(own.firstCommitTime)} to ${spellMoment(own.lastCommitTime)}`
    : 'without any commit';
  if (target === 'time' && !own) {
    return (
      `timeline ${timeline} was the one in use at that time: it has commits${from} behind ${leftAt}, where ` +
      `timeline ${leftFor} left it`
    );
  }
  return (
    `the archive has two ends: timeline ${timeline} has commits${from}${to} behind ${leftAt} (to ` +
    `${end.lastSegment}${archived}), where timeline ${leftFor} left it, ${ownCommits}`
  );
}

interface Branch {
  timeline: number;
  /** Where the part of the timeline begins that is not on the way. */
  from: bigint;
  /** Where this timeline and the way part. */
  parting: bigint;
  /** The timeline of the way that goes on from there. */
  leftFor: number;
}

function branchesOf({ histories }: EndSearch, { start, spans, leftAt }: Way): Branch[] {
  const onTheWay = spans.map(({ timeline }) => timeline);
  const nextOf = (timeline: number) => onTheWay[onTheWay.indexOf(timeline) + 1];
  return descendants(start, histories).flatMap((timeline): Branch[] => {
    if (onTheWay.includes(timeline)) {
      const left = leftAt.get(timeline);
      const leftFor = nextOf(timeline);
      return left === undefined || leftFor === undefined ? [] : [{ timeline, from: left, parting: left, leftFor }];
    }
    const { ancestors = [] } = histories.find((history) => history.timeline === timeline) ?? {};
    const common = ancestors.findLast((ancestor) => onTheWay.includes(ancestor.timeline));
    const begun = ancestors.at(-1);
    if (!common || !begun) return [];
    const own = parseLsn(common.switchLsn);
    const left = leftAt.get(common.timeline);
    const parting = left === undefined || own < left ? own : left;
    return [
      {
        timeline,
        from: parseLsn(begun.switchLsn),
        parting,
        leftFor: nextOf(common.timeline) ?? common.timeline,
      },
    ];
  });
}

async function lookAt(
  search: EndSearch,
  way: Way,
  { timeline, from, parting, leftFor }: Branch,
  until: Parameters<typeof findOtherEnds>[2],
): Promise<OtherEnd | undefined> {
  const { archive, wal, signal } = search;
  const head: WalFile[] = [];
  const tail: WalFile[] = [];
  let segments = 0;
  const begin = segmentOfLsn(from, timeline, way.start.segmentSizeBytes);
  for await (const file of archive.segments(timeline, begin, signal)) {
    segments += 1;
    if (head.length < SEGMENTS_LOOKED_AT) head.push(file);
    tail.push(file);
    if (tail.length > SEGMENTS_LOOKED_AT) tail.shift();
  }
  const last = tail.at(-1);
  if (!last) return undefined;
  const commits = await commitsOf(wal, { head, tail }, from);
  if (!commits) return undefined;
  const end = {
    timeline,
    leftAt: formatLsn(parting),
    leftFor,
    segments,
    lastSegment: last.name,
    ...(last.archivedAt === undefined ? {} : { lastArchivedAt: last.archivedAt.toISOString() }),
  };
  if (commits === 'unknown') return { ...end, isRival: true };
  if (until && !until.isWithin(commits.first)) return undefined;

  const own = await ownCommits(wal, way, parting);
  const isOwnWithin = own !== undefined && own !== 'unknown' && (until === undefined || until.isWithin(own.first));
  const atMost = (micros: bigint) => (until && micros > until.micros ? until.micros : micros);
  const lastOne = atMost(commits.last);
  const isRival = !isOwnWithin || lastOne > atMost(own.last) || lastOne > atMost(own.first) + OVERLAP_MICROS;
  return {
    ...end,
    firstCommitTime: formatMicros(commits.first),
    lastCommitTime: formatMicros(commits.last),
    ...(isOwnWithin
      ? { own: { firstCommitTime: formatMicros(own.first), lastCommitTime: formatMicros(own.last) } }
      : {}),
    isRival,
  };
}

/** Times of the first and the last commit, in microseconds; `unknown` where neither the WAL nor its upload tells. */
type Commits = { first: bigint; last: bigint } | 'unknown' | undefined;

async function commitsOf(
  wal: WalSearch,
  { head, tail }: { head: readonly WalFile[]; tail: readonly WalFile[] },
  from: bigint,
  leftAt: Way['leftAt'] = new Map(),
): Promise<Commits> {
  const isBehind = (mark: WalMark) => isEnd(mark) && mark.lsn >= from;
  try {
    const first = await wal.first({ files: head, leftAt }, isBehind);
    const ended = await wal.lastEnd({ files: tail, leftAt });
    const last = ended && isBehind(ended.mark) ? ended : first;
    return last && { first: (first ?? last).mark.micros, last: last.mark.micros };
  } catch (error) {
    if (!(error instanceof OdoError) || !UNREADABLE.has(error.code)) throw error;
    // For WAL that cannot be read, the upload tells: about the time of the last commit in it.
    const times = [head[0], tail.at(-1)].map((file) => file?.archivedAt);
    const [first, last] = times;
    return first && last ? { first: BigInt(first.getTime()) * 1000n, last: BigInt(last.getTime()) * 1000n } : 'unknown';
  }
}

/** Errors of WAL that is damaged, was deleted meanwhile, or is put away where it cannot be read at once. */
const UNREADABLE = new Set<ErrorCode>(['dataCorrupt', 'notFound', 'accessDenied']);

/** The first and the last commit of the way behind a point. */
async function ownCommits(wal: WalSearch, { start, files, leftAt }: Way, parting: bigint): Promise<Commits> {
  const { segmentSizeBytes } = start;
  const partingNumber = Number(parting / BigInt(segmentSizeBytes));
  const behind = files.filter(
    ({ name }) =>
      parseSegmentName(name, segmentSizeBytes).segmentNumber >= partingNumber &&
      (leftAt.get(timelineOfName(name)) ?? parting + 1n) > parting,
  );
  if (behind.length === 0) return undefined;
  const [head, tail] = [behind.slice(0, SEGMENTS_LOOKED_AT), behind.slice(-SEGMENTS_LOOKED_AT)];
  return commitsOf(wal, { head, tail }, parting, leftAt);
}
