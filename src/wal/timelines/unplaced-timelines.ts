import { OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import { formatSegmentName, historyName, parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { ArchivedTimelines } from './archived-timelines.ts';
import type { ArchivedWal } from './survey-wal.ts';

/** Segments of a timeline of which nothing in the archive says where it branched off; plain JSON. */
export interface UnplacedTimeline {
  timeline: number;
  segments: number;
  firstSegment: string;
  lastSegment: string;
  /** When the last segment was archived (ISO 8601): about the last moment in the segments. */
  lastArchivedAt?: string;
  /** Why the timeline's history does not tell; absent when it has none. */
  reason?: string;
}

/** Timelines above `above` that have WAL, but are in no history: neither in their own nor in that of a descendant. */
export function unplacedNumbers(above: number, { histories, withWal }: ArchivedTimelines): number[] {
  const placed = new Set(
    histories.flatMap(({ timeline, ancestors }) => [timeline, ...ancestors.map((ancestor) => ancestor.timeline)]),
  );
  return withWal.filter((timeline) => timeline > above && !placed.has(timeline));
}

/**
 * Finds the segments of the timelines that no history leads to. Timelines with only a `.partial` segment are left out:
 * a newer timeline goes on from there.
 */
export async function findUnplaced(
  archive: WalArchive,
  above: number,
  timelines: ArchivedTimelines,
  segmentSizeBytes: number,
  signal?: AbortSignal,
): Promise<UnplacedTimeline[]> {
  const found: UnplacedTimeline[] = [];
  for (const timeline of unplacedNumbers(above, timelines)) {
    let unplaced: UnplacedTimeline | undefined;
    const first = formatSegmentName({ timeline, segmentNumber: 0 }, segmentSizeBytes);
    for await (const { name, archivedAt } of archive.segments(timeline, first, signal)) {
      unplaced ??= { timeline, segments: 0, firstSegment: name, lastSegment: name };
      unplaced.segments += 1;
      unplaced.lastSegment = name;
      if (archivedAt !== undefined) unplaced.lastArchivedAt = archivedAt.toISOString();
    }
    const reason = timelines.unreadable.find((history) => history.timeline === timeline)?.reason;
    if (unplaced) found.push({ ...unplaced, ...(reason === undefined ? {} : { reason }) });
  }
  return found;
}

/** Finds the segments of such timelines in a survey of the whole archive. */
export function unplacedInSurvey(
  above: number,
  { runs, histories, segmentSizeBytes }: ArchivedWal,
): UnplacedTimeline[] {
  const numbers = unplacedNumbers(above, { histories, unreadable: [], withWal: [...runs.keys()] });
  return numbers.flatMap((timeline): UnplacedTimeline[] => {
    const own = runs.get(timeline) ?? [];
    const [first, last] = [own[0], own.at(-1)];
    if (!first || !last) return [];
    const name = (segmentNumber: number) => formatSegmentName({ timeline, segmentNumber }, segmentSizeBytes);
    return [
      {
        timeline,
        segments: own.reduce((sum, run) => sum + run.lastNumber - run.firstNumber + 1, 0),
        firstSegment: name(first.firstNumber),
        lastSegment: name(last.lastNumber),
        ...(last.lastArchivedAt === undefined ? {} : { lastArchivedAt: last.lastArchivedAt.toISOString() }),
      },
    ];
  });
}

/** The facts of a backup that decide whether a timeline may come from it. */
export interface BackupEnd {
  endLsn?: string;
  endWal?: string;
  endTime?: string;
}

/**
 * Whether a timeline may lead on from a backup. It does not when all its WAL was archived before the backup ended, or
 * lies before the backup's end.
 */
export function mayLeadOn(unplaced: UnplacedTimeline, backup: BackupEnd, segmentSizeBytes: number): boolean {
  const { lastSegment, lastArchivedAt } = unplaced;
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const endNumber =
    backup.endLsn !== undefined
      ? Number(parseLsn(backup.endLsn) / BigInt(segmentSizeBytes))
      : backup.endWal === undefined
        ? 0
        : numberOf(backup.endWal);
  if (numberOf(lastSegment) < endNumber) return false;
  const ended = Date.parse(backup.endTime ?? '');
  return lastArchivedAt === undefined || Number.isNaN(ended) || Date.parse(lastArchivedAt) >= ended;
}

/** Segments that nobody can place, in words. */
export function unplacedWords({ timeline, segments, lastSegment, lastArchivedAt, reason }: UnplacedTimeline): string {
  const until = lastArchivedAt === undefined ? '' : `, archived until ${spellMoment(lastArchivedAt)}`;
  const count = segments === 1 ? '1 segment' : `${segments} segments`;
  const why = reason === undefined ? `there is no ${historyName(timeline)}` : reason;
  return (
    `the archive holds ${count} of timeline ${timeline} (to ${lastSegment}${until}), and nothing tells where ` +
    `it branched off: ${why}`
  );
}

/**
 * `usage` for segments of a timeline whose history is lost: they may be the newest data there is. The user has to say
 * that they are meant to be left out.
 * @param unplaced those that may lead on from the backup
 * @param known timelines that a restore can go to
 */
export function refuseUnplaced(unplaced: readonly UnplacedTimeline[], known: readonly number[]): void {
  const [first] = unplaced;
  if (!first) return;
  const ways = known.map((timeline) => `--target-timeline ${timeline}`).join(' or ');
  throw new OdoError('usage', unplaced.map(unplacedWords).join('; '), {
    hint: `put ${historyName(first.timeline)} back into the archive, or leave these segments out with ${ways}`,
  });
}
