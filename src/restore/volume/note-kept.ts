import { readJournal, writeJournal } from '../../tree/exchange/journal.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { hasPrevious } from './clear-away.ts';
import { demandOwnRun } from './own-run.ts';

/**
 * Notes why the old data has to stay, when what took its place has turned out to be wrong. From now on nothing removes
 * it unasked. A reason that is known already stays.
 * Errors: `unsafeTarget` when another run has taken over.
 */
export function noteKept(places: ClusterPlaces, because: string): void {
  const { odoDir } = places.pgdata;
  const journal = readJournal(odoDir);
  if (!journal?.places.some(hasPrevious)) return;
  demandOwnRun(places, journal);
  if (journal.state !== 'swapped' || journal.rolledBack || journal.keptBecause !== undefined) return;
  writeJournal(odoDir, { ...journal, keptBecause: because });
}
