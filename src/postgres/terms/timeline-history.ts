import { OdoError } from '../../errors.ts';
import { formatLsn, parseLsn, respellLsn } from './wal-names.ts';

/** One ancestor of a timeline: it was left at `switchLsn` (`0/3000000`), for the reason that the server noted. */
export interface HistoryEntry {
  timeline: number;
  switchLsn: string;
  reason: string;
}

/**
 * Reads `NNNNNNNN.history`, the ancestors of timeline N from the oldest on: lines of timeline, LSN and reason with
 * blanks between them; `#` begins a comment line. Throws dataCorrupt for other lines and for timelines that do not
 * ascend. Source: PostgreSQL, src/backend/access/transam/timeline.c, readTimeLineHistory.
 */
export function parseTimelineHistory(text: string, name = 'timeline history'): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (const line of text.split('\n')) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    const match = /^(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s+(.*))?$/.exec(content);
    if (!match) throw new OdoError('dataCorrupt', `${name}: unreadable line '${content.slice(0, 100)}'`);
    const timeline = Number(match[1]);
    const previous = entries.at(-1);
    if (previous && timeline <= previous.timeline) {
      throw new OdoError('dataCorrupt', `${name}: timeline ${timeline} comes after ${previous.timeline}`);
    }
    entries.push({ timeline, switchLsn: respellLsn(match[2] ?? ''), reason: match[3] ?? '' });
  }
  return entries;
}

/**
 * The ancestors as PostgreSQL goes by them, looking for a position from the newest on. A server may stop at a target
 * before the branch of the timeline that it was told to follow. It then notes that timeline as its parent all the same,
 * left before it began. Such a parent counts for nothing. Source: PostgreSQL, src/backend/access/transam/timeline.c,
 * tliOfPointInHistory.
 */
export function withoutOvertaken(ancestors: readonly HistoryEntry[]): HistoryEntry[] {
  const kept: HistoryEntry[] = [];
  let end: bigint | undefined;
  for (let index = ancestors.length - 1; index >= 0; index--) {
    const entry = ancestors[index] as HistoryEntry;
    const begin = index === 0 ? 0n : parseLsn((ancestors[index - 1] as HistoryEntry).switchLsn);
    const left = parseLsn(entry.switchLsn);
    const ownEnd = end === undefined || left < end ? left : end;
    if (begin <= ownEnd) kept.unshift({ ...entry, switchLsn: formatLsn(ownEnd) });
    end = begin < ownEnd ? begin : ownEnd;
  }
  return kept;
}
