import type { HistoryEntry } from '../../postgres/terms/timeline-history.ts';
import { parseLsn, segmentBeforeLsn, segmentOfLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';

/** A timeline of the archive with its ancestors. */
export interface TimelineHistory {
  timeline: number;
  ancestors: HistoryEntry[];
}

/** The facts of a backup that decide which timelines it can be recovered along. */
export interface PathStart {
  timeline: number;
  beginWal: string;
  /** End of the backup; a timeline that branched off before it does not lead on from this backup. */
  endLsn?: string;
  segmentSizeBytes: number;
}

export interface TimelinePath {
  spans: TimelineSpan[];
  recoveryTargetTimeline: 'latest' | 'current' | number;
}

/**
 * The way from a backup to the newest timeline that descends from it. A newer timeline that branched off elsewhere
 * (before the backup ended, or from another line) would make PostgreSQL's own `latest` fail. Then the right timeline is
 * named.
 */
export function findTimelinePath(start: PathStart, histories: readonly TimelineHistory[]): TimelinePath {
  const candidates = histories.filter((history) => history.timeline > start.timeline && descendsFrom(history, start));
  const chosen = candidates.reduce<TimelineHistory | undefined>(
    (best, next) => (best && best.timeline > next.timeline ? best : next),
    undefined,
  );
  const target = chosen?.timeline ?? start.timeline;
  return {
    spans: spansTo(start, chosen),
    recoveryTargetTimeline:
      target === latestByProbing(start.timeline, histories) ? 'latest' : spellTimeline(start, target),
  };
}

/**
 * Spells a target timeline. `current` for the own one: asked for by its number, a server would want to see its history,
 * which may be lost, or never have been.
 */
export function spellTimeline(start: Pick<PathStart, 'timeline'>, target: number): 'current' | number {
  return target === start.timeline ? 'current' : target;
}

/**
 * The way as far as `endSegment`. The server must not be told to go to a later timeline: it would note that one as the
 * parent of its new timeline, which would then have left its parent before the parent began.
 */
export function cutSpans(spans: readonly TimelineSpan[], endSegment: string): TimelineSpan[] {
  const at = spans.findIndex(({ timeline }) => timeline === timelineOfName(endSegment));
  return spans.slice(0, at + 1).map((span, index) => (index < at ? span : { ...span, lastSegment: endSegment }));
}

/**
 * The way from a backup to one certain timeline. undefined when that timeline does not descend from the backup, or its
 * history is not known.
 */
export function pathTo(
  start: PathStart,
  timeline: number,
  histories: readonly TimelineHistory[],
): TimelineSpan[] | undefined {
  if (timeline === start.timeline) return spansTo(start, undefined);
  const history = histories.find((other) => other.timeline === timeline);
  return history && descendsFrom(history, start) ? spansTo(start, history) : undefined;
}

/** The timelines that descend from the backup, with its own. */
export function descendants(start: PathStart, histories: readonly TimelineHistory[]): number[] {
  const newer = histories.filter((history) => history.timeline > start.timeline && descendsFrom(history, start));
  return [start.timeline, ...newer.map(({ timeline }) => timeline)];
}

/**
 * The history files that the server may ask for. These are the history of the backup's own timeline, since a
 * recovery_target_timeline given by its number must have one, and the next timeline's history begins with it; those of
 * the way on; and newer ones, so that its own new timeline gets an unused number.
 */
export function historiesToFetch(startTimeline: number, archived: readonly string[]): string[] {
  return archived.filter((name) => timelineOfName(name) >= startTimeline);
}

function descendsFrom(history: TimelineHistory, start: PathStart): boolean {
  const branch = history.ancestors.find(({ timeline }) => timeline === start.timeline);
  return branch !== undefined && (start.endLsn === undefined || parseLsn(branch.switchLsn) >= parseLsn(start.endLsn));
}

function spansTo(start: PathStart, target: TimelineHistory | undefined): TimelineSpan[] {
  const spans: TimelineSpan[] = [];
  let firstSegment = start.beginWal;
  const passed = target?.ancestors.filter(({ timeline }) => timeline >= start.timeline) ?? [];
  for (const [index, { timeline, switchLsn }] of passed.entries()) {
    const lsn = parseLsn(switchLsn);
    spans.push({ timeline, firstSegment, lastSegment: segmentBeforeLsn(lsn, timeline, start.segmentSizeBytes) });
    const next = passed[index + 1]?.timeline ?? (target as TimelineHistory).timeline;
    firstSegment = segmentOfLsn(lsn, next, start.segmentSizeBytes);
  }
  spans.push({ timeline: target?.timeline ?? start.timeline, firstSegment });
  return spans;
}

/** The timeline that PostgreSQL's `latest` comes to: it asks for the next timeline's history until one is missing. */
function latestByProbing(start: number, histories: readonly TimelineHistory[]): number {
  const known = new Set(histories.map(({ timeline }) => timeline));
  let latest = start;
  while (known.has(latest + 1)) latest += 1;
  return latest;
}

/** The stretch of one timeline that recovery replays. */
export interface TimelineSpan {
  timeline: number;
  /** The first segment needed on this timeline. */
  firstSegment: string;
  /**
   * The segment in which the next timeline branches off, or in which a certain moment lies; not given for the last
   * timeline of a plan that goes to the end of the archive.
   */
  lastSegment?: string;
}
