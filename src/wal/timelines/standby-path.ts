import { parseLsn, segmentOfLsn } from '../../postgres/terms/wal-names.ts';
import type { TimelineSpan } from './timeline-path.ts';
import { pathTo, type TimelineHistory } from './timeline-path.ts';

/** How far a standby is, and where it may go. */
export interface StandbyPosition {
  /** Timeline of the standby's last restartpoint, from which it begins again after a restart. */
  timeline: number;
  /** Redo position of the last restartpoint. */
  redoLsn: string;
  /** How far the standby has replayed. */
  replayLsn: string;
  /** The standby's recovery_target_timeline: `latest`, `current` or a number. */
  targetTimeline: string;
  /** Timelines whose histories the standby has been given, so that it may be on one of them. */
  knownTimelines: ReadonlySet<number>;
  segmentSizeBytes: number;
}

/** The way of a standby through the archive. */
export interface StandbyPath {
  /** The way from the standby's last restartpoint on. */
  spans: TimelineSpan[];
  /** The segment that the standby reads next, or is in the middle of. */
  nextSegment: string;
  /** The timelines whose histories the standby has to see. */
  histories: number[];
  /** A newer timeline to which nothing leads from where the standby is. */
  astray?: number;
}

/**
 * Finds the newest timeline to which a standby can go on. It descends from the standby's own, and branched off no
 * earlier than the standby has replayed, or the standby is on it already. A server with `latest` asks for one history
 * after the other until one is missing, and does not start when the last one leads elsewhere. So the way ends where
 * that row of histories ends, and nothing beyond is given.
 * @param histories of the timelines above that of the restartpoint
 */
export function findStandbyPath(position: StandbyPosition, histories: readonly TimelineHistory[]): StandbyPath {
  const { timeline: own, redoLsn, segmentSizeBytes } = position;
  const beginWal = segmentOfLsn(parseLsn(redoLsn), own, segmentSizeBytes);
  const start = { timeline: own, beginWal, endLsn: redoLsn, segmentSizeBytes };
  const found = new Map(histories.map((history) => [history.timeline, history]));
  const leadsOn = (history: TimelineHistory) =>
    pathTo(start, history.timeline, histories) !== undefined && mayBeOn(timelineAt(history, position), position);

  let target = own;
  if (position.targetTimeline === 'latest') {
    for (let next = own + 1; found.has(next); next++) if (leadsOn(found.get(next) as TimelineHistory)) target = next;
  } else if (position.targetTimeline !== 'current') {
    const wanted = found.get(Number(position.targetTimeline));
    if (wanted && leadsOn(wanted)) target = wanted.timeline;
  }
  const newest = Math.max(own, ...found.keys());
  const history = found.get(target);
  const at = history ? timelineAt(history, position) : own;
  return {
    spans: pathTo(start, target, histories) ?? [{ timeline: own, firstSegment: beginWal }],
    nextSegment: segmentOfLsn(parseLsn(position.replayLsn), at, segmentSizeBytes),
    histories: [...found.keys()].filter((timeline) => timeline <= target).sort((a, b) => a - b),
    ...(position.targetTimeline === 'latest' && newest > target ? { astray: newest } : {}),
  };
}

/** The timeline, on the way to another one, on which the standby's position lies. */
function timelineAt({ timeline, ancestors }: TimelineHistory, { timeline: own, replayLsn }: StandbyPosition): number {
  const replayed = parseLsn(replayLsn);
  const ancestor = ancestors.find((entry) => entry.timeline >= own && replayed <= parseLsn(entry.switchLsn));
  return ancestor?.timeline ?? timeline;
}

function mayBeOn(timeline: number, { timeline: own, knownTimelines }: StandbyPosition): boolean {
  return timeline === own || knownTimelines.has(timeline);
}
