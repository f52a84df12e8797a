import fs from 'node:fs';
import path from 'node:path';
import { parseTimelineHistory } from '../postgres/timeline-history.ts';
import { isHistoryName } from '../postgres/wal-names.ts';

/** Where a server left the timelines that it came by, from the newest history in its pg_wal. */
export function ancestryIn(wal: string): { timeline: number; lsn: string }[] {
  const newest = fs.existsSync(wal) ? fs.readdirSync(wal).filter(isHistoryName).sort().at(-1) : undefined;
  if (newest === undefined) return [];
  const entries = parseTimelineHistory(fs.readFileSync(path.join(wal, newest), 'utf8'), newest);
  return entries.map(({ timeline, switchLsn }) => ({ timeline, lsn: switchLsn }));
}
