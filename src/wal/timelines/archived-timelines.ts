import { OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { mapLimit } from '../../map-limit.ts';
import { historyName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { type ArchivedHistory, readHistories } from './read-histories.ts';

const PARALLEL_READS = 16;

/** A history that is there, but cannot be read. */
export interface UnreadableHistory {
  timeline: number;
  name: string;
  /** Words for the reason, with the object's name. */
  reason: string;
}

/** The archive's timelines. */
export interface ArchivedTimelines {
  /** The histories that can be read, by ascending timeline. */
  histories: readonly ArchivedHistory[];
  unreadable: readonly UnreadableHistory[];
  /** Timelines of which there is WAL, ascending. */
  withWal: readonly number[];
}

/**
 * Reads the histories of the timelines from `from` on, and finds out which timelines have WAL. An empty or damaged
 * history is listed in `unreadable`, and stops nothing by itself: whether it matters depends on what is looked for.
 */
export async function readTimelines(
  store: ObjectStore,
  archive: WalArchive,
  from: number,
  signal?: AbortSignal,
): Promise<ArchivedTimelines> {
  const files = (await archive.histories(signal)).filter(({ name }) => timelineOfName(name) >= from);
  const unreadable: UnreadableHistory[] = [];
  const histories = await mapLimit(files, PARALLEL_READS, (file) =>
    readHistories(store, [file], signal).catch((error: unknown) => {
      if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
      unreadable.push({ timeline: timelineOfName(file.name), name: file.name, reason: error.message });
      return [];
    }),
  );
  return { histories: histories.flat(), unreadable, withWal: await archive.timelines(signal) };
}

/** Names of the histories that a server may be given. */
export function readableNames({ histories }: Pick<ArchivedTimelines, 'histories'>): string[] {
  return histories.map(({ timeline }) => historyName(timeline));
}

/** The most numbers that are passed over one by one: a file that claims a higher number has a stray name. */
const MOST_PASSED_OVER = 1000;

/**
 * The numbers above `target` that a new timeline must not get although no history says that they are taken. PostgreSQL
 * takes the first number for which its restore_command has no history. The archive may hold segments of that timeline,
 * or newer timelines.
 */
export function numbersToPassOver(target: number, { histories, unreadable, withWal }: ArchivedTimelines): number[] {
  const known = new Set(histories.map(({ timeline }) => timeline));
  const taken = new Set([...known, ...unreadable.map(({ timeline }) => timeline), ...withWal]);
  const highest = Math.max(target, ...taken);
  const numbers: number[] = [];
  for (let number = target + 1; number <= highest; number++) {
    if (highest - target > MOST_PASSED_OVER && !taken.has(number)) break;
    if (!known.has(number)) numbers.push(number);
  }
  return numbers;
}
