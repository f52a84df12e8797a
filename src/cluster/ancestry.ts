import fs from 'node:fs';
import path from 'node:path';
import { type HistoryEntry, parseTimelineHistory, withoutOvertaken } from '../postgres/terms/timeline-history.ts';
import { historyName, isHistoryName } from '../postgres/terms/wal-names.ts';

/** A timeline, and the LSN at which it was left for the next one. */
export interface Ancestor {
  timeline: number;
  lsn: string;
}

/** The timelines that a server came by, and where it left them, from the newest history in its pg_wal. */
export function ancestryIn(wal: string): Ancestor[] {
  const newest = fs.existsSync(wal) ? fs.readdirSync(wal).filter(isHistoryName).sort().at(-1) : undefined;
  return newest === undefined ? [] : withoutOvertaken(readHistory(path.join(wal, newest))).map(toAncestor);
}

/** Whether two timelines of the same number began at the same place; each number can be given twice. */
export function isSamePath(one: readonly Ancestor[], other: readonly Ancestor[]): boolean {
  const [mine, theirs] = [one.at(-1), other.at(-1)];
  return mine?.timeline === theirs?.timeline && mine?.lsn === theirs?.lsn;
}

/** The ancestors of a timeline, the nearest last, and where each was left. Empty when the pg_wal does not tell. */
export function pathTo(wal: string, timeline: number): Ancestor[] {
  const history = path.join(wal, historyName(timeline));
  return fs.existsSync(history) ? withoutOvertaken(readHistory(history)).map(toAncestor) : [];
}

function readHistory(file: string): HistoryEntry[] {
  return parseTimelineHistory(fs.readFileSync(file, 'utf8'), path.basename(file));
}

function toAncestor({ timeline, switchLsn }: HistoryEntry): Ancestor {
  return { timeline, lsn: switchLsn };
}
