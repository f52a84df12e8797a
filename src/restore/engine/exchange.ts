import fs from 'node:fs';
import { OdoError } from '../../errors.ts';
import { type Journal, readJournal } from '../../tree/exchange/journal.ts';
import { hasRestoredInPlace, settleSwap, swap, takeBack } from '../../tree/exchange/swap.ts';
import { isFull, translateFsError } from '../../tree/places/fs-errors.ts';
import { spoolDir } from '../../tree/places/place.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { demandNoServer } from '../volume/demand-no-server.ts';
import { journalAsItStands } from '../volume/look-at-volume.ts';
import { demandOwnRun, takenOver } from '../volume/own-run.ts';
import { rollback } from './go-back.ts';

// The caller holds the volume's lock.

/**
 * Exchanges the contents. An exchange that cannot go on is taken back at once: when this throws, the old content is in
 * place again, and what was staged is kept.
 * @param options keptBecause: of what the old data is the only copy, which the journal says from now on
 */
export function exchange(places: ClusterPlaces, { keptBecause }: { keptBecause?: string } = {}): void {
  const { odoDir } = places.pgdata;
  const journal = readJournal(odoDir);
  demandOwnRun(places, journal);
  if (!journal) throw new OdoError('bug', `there is no journal in ${odoDir}`);
  // Content that is not whole, or has been exchanged before, is not what the caller has laid down.
  if (journal.state !== 'staged') throw takenOver(places.pgdata);
  demandNoServer(places.pgdata, { stopped: true });
  if (keptBecause !== undefined) journal.keptBecause = keptBecause;
  try {
    swap(odoDir, journal);
  } catch (error) {
    // The journal as the disk has it: what failed may have been noted all the same.
    const now = readJournal(odoDir) ?? journal;
    if (carriesOn(odoDir, now, error)) return;
    takeBack(odoDir, now, { atOnce: true });
    throw translateFsError(error, odoDir);
  }
}

/**
 * Tries a failed exchange a second time, and tells whether that has got through. Not on a full disk, on which no server
 * could recover either.
 */
function carriesOn(odoDir: string, journal: Journal, error: unknown): boolean {
  if (journal.state === 'moving-in' && !isFull(error)) {
    try {
      settleSwap(odoDir, journal);
    } catch {
      return false;
    }
  }
  return journal.state === 'swapped';
}

/**
 * Undoes an exchange whose process has failed or died, on a disk that may be full. True when the staged files are as
 * they were, so that another run can go on from them.
 */
export function undoExchange(places: ClusterPlaces): boolean {
  const { odoDir } = places.pgdata;
  const journal = journalAsItStands(places.pgdata);
  if (!journal) return false;
  demandOwnRun(places, journal);
  // Somebody may have started a server on content that was all in place, if only for a moment.
  const mayHaveRun = journal.state === 'swapped' || hasRestoredInPlace(journal);
  if (mayHaveRun) {
    rollback(places);
    return false;
  }
  try {
    takeBack(odoDir, journal);
  } catch (error) {
    if (!isFull(error)) throw error;
    // WAL is soon fetched again.
    fs.rmSync(spoolDir(places.pgdata), { recursive: true, force: true });
    takeBack(odoDir, journal);
  }
  return journal.state === 'staged' && journal.fingerprint !== undefined;
}
