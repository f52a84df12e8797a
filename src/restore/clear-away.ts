import fs from 'node:fs';
import path from 'node:path';
import { isFull } from '../target/fs-errors.ts';
import { isVacant } from '../target/guard.ts';
import { type Journal, journalFile, writeJournal } from '../target/journal.ts';
import { type Place, previousDir, salvageDir, spoolDir } from '../target/place.ts';

/**
 * Removes ODO's folders; PGDATA's, the first one, goes last, and in it the journal. Whoever calls this has noted before what is to be removed
 * (`clearing`, or noteDiscarding()): what is half removed must not lack its explanation, nor be taken for whole.
 * @param options keepSalvage: there is no old data, and what was set aside of its WAL is all there is of it
 */
export function clearAway(places: readonly Place[], { keepSalvage = false } = {}): void {
  const [pgdata] = places;
  for (const { odoDir } of [...places].reverse()) {
    const names = fs.existsSync(odoDir) ? fs.readdirSync(odoDir) : [];
    const kept = keepSalvage && pgdata && fs.existsSync(salvageDir(pgdata)) ? [salvageDir(pgdata)] : [];
    const files = names.map((name) => path.join(odoDir, name)).filter((file) => ![journalFile(odoDir), ...kept].includes(file));
    for (const file of files) fs.rmSync(file, { recursive: true, force: true });
    if (kept.some((file) => path.dirname(file) === odoDir)) fs.rmSync(journalFile(odoDir), { force: true });
    else fs.rmSync(odoDir, { recursive: true, force: true });
  }
}

/** Whether there is no old data from which its WAL could be set aside again. */
export function isOnlySalvage({ places, wiped }: Journal): boolean {
  const [pgdata] = places;
  return wiped === true || (pgdata !== undefined && isVacant(pgdata.root));
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
