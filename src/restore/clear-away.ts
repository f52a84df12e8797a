import fs from 'node:fs';
import path from 'node:path';
import { journalFile } from '../target/journal.ts';
import { type Place, previousDir, salvageDir } from '../target/place.ts';

/**
 * Removes ODO's folders; PGDATA's, the first one, goes last. While old content is among them the journal is the last of all, since what is half
 * removed must not lack its explanation. Without any it is the first: nobody may resume from staged files that are half removed.
 * @param options keepSalvage: the old data was deleted, and what was set aside of its WAL is all there is of it
 */
export function clearAway(places: readonly Place[], { keepSalvage = false } = {}): void {
  const [pgdata] = places;
  if (pgdata && !places.some(hasPrevious)) fs.rmSync(journalFile(pgdata.odoDir), { force: true });
  for (const { odoDir } of [...places].reverse()) {
    const names = fs.existsSync(odoDir) ? fs.readdirSync(odoDir) : [];
    const kept = keepSalvage && pgdata && fs.existsSync(salvageDir(pgdata)) ? [salvageDir(pgdata)] : [];
    const files = names.map((name) => path.join(odoDir, name)).filter((file) => ![journalFile(odoDir), ...kept].includes(file));
    for (const file of files) fs.rmSync(file, { recursive: true, force: true });
    if (kept.some((file) => path.dirname(file) === odoDir)) fs.rmSync(journalFile(odoDir), { force: true });
    else fs.rmSync(odoDir, { recursive: true, force: true });
  }
}

export function hasPrevious(place: Place): boolean {
  return fs.existsSync(previousDir(place)) && fs.readdirSync(previousDir(place)).length > 0;
}
