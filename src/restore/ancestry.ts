import fs from 'node:fs';
import path from 'node:path';
import { type HistoryEntry, parseTimelineHistory, withoutOvertaken } from '../postgres/timeline-history.ts';
import { historyName, isHistoryName } from '../postgres/wal-names.ts';

/** A timeline, and where it was left for the next one. */
export interface Ancestor {
  timeline: number;
  lsn: string;
}

/** Where a server left the timelines that it came by, from the newest history in its pg_wal. */
export function ancestryIn(wal: string): Ancestor[] {
  const newest = fs.existsSync(wal) ? fs.readdirSync(wal).filter(isHistoryName).sort().at(-1) : undefined;
  return newest === undefined ? [] : readHistory(path.join(wal, newest)).map(toAncestor);
}

/** The one that a timeline began on, and where; undefined when the pg_wal does not tell. */
export function parentIn(wal: string, timeline: number): Ancestor | undefined {
  const history = path.join(wal, historyName(timeline));
  const last = fs.existsSync(history) ? withoutOvertaken(readHistory(history)).at(-1) : undefined;
  return last && toAncestor(last);
}

function readHistory(file: string): HistoryEntry[] {
  return parseTimelineHistory(fs.readFileSync(file, 'utf8'), path.basename(file));
}

function toAncestor({ timeline, switchLsn }: HistoryEntry): Ancestor {
  return { timeline, lsn: switchLsn };
}
