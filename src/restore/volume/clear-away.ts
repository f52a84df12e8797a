import fs from 'node:fs';
import path from 'node:path';
import { type Journal, journalFile, writeJournal } from '../../tree/exchange/journal.ts';
import { isFull } from '../../tree/places/fs-errors.ts';
import { type Place, previousDir, salvageDir, spoolDir } from '../../tree/places/place.ts';
import { dropHeldSalvage } from './kept-salvage.ts';

/**
 * Removes ODO's folders. The first of `places` is PGDATA: its folder goes last, and the journal after all else in it.
 * The caller has noted before what is to be removed (`clearing`, or noteDiscarding()), so that no later run finds
 * half-removed content unexplained, or takes it for whole. WAL that was set aside of old data stays when nothing else
 * has it.
 */
export function clearAway(places: readonly Place[]): void {
  const [pgdata] = places;
  const keepSalvage = pgdata !== undefined && dropHeldSalvage(pgdata);
  for (const { odoDir } of [...places].reverse()) {
    const names = fs.existsSync(odoDir) ? fs.readdirSync(odoDir) : [];
    const kept = keepSalvage ? [salvageDir(pgdata)] : [];
    const files = names
      .map((name) => path.join(odoDir, name))
      .filter((file) => ![journalFile(odoDir), ...kept].includes(file));
    for (const file of files) fs.rmSync(file, { recursive: true, force: true });
    if (kept.some((file) => path.dirname(file) === odoDir)) fs.rmSync(journalFile(odoDir), { force: true });
    else fs.rmSync(odoDir, { recursive: true, force: true });
  }
}

/** Notes that staged files are about to be removed, so that no later run takes the rest of them for whole. */
export function noteDiscarding(odoDir: string, journal: Journal): void {
  delete journal.fingerprint;
  delete journal.finishedParts;
  try {
    writeJournal(odoDir, { ...journal, state: 'laying-down', discarding: true });
  } catch (error) {
    if (!isFull(error)) throw error;
    makeRoom(odoDir, journal);
  }
}

/** A full disk must not keep anything from being removed. Without a journal nobody builds upon what is left. */
function makeRoom(odoDir: string, journal: Journal): void {
  for (const place of journal.places.slice(0, 1)) fs.rmSync(spoolDir(place), { recursive: true, force: true });
  try {
    writeJournal(odoDir, { ...journal, state: 'laying-down', discarding: true });
  } catch (error) {
    if (!isFull(error)) throw error;
    fs.rmSync(journalFile(odoDir), { force: true });
  }
}

export function hasPrevious(place: Place): boolean {
  return fs.existsSync(previousDir(place)) && fs.readdirSync(previousDir(place)).length > 0;
}
