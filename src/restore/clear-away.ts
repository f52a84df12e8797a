import fs from 'node:fs';
import path from 'node:path';
import { journalFile } from '../target/journal.ts';
import { type Place, previousDir } from '../target/place.ts';

/**
 * Removes ODO's folders; PGDATA's, the first one, goes last. While old content is among them the journal is the last of all, since what is half
 * removed must not lack its explanation. Without any it is the first: nobody may resume from staged files that are half removed.
 */
export function clearAway(places: readonly Place[]): void {
  const [pgdata] = places;
  if (pgdata && !places.some(hasPrevious)) fs.rmSync(journalFile(pgdata.odoDir), { force: true });
  for (const { odoDir } of [...places].reverse()) {
    const names = fs.existsSync(odoDir) ? fs.readdirSync(odoDir) : [];
    const files = names.map((name) => path.join(odoDir, name)).filter((file) => file !== journalFile(odoDir));
    for (const file of files) fs.rmSync(file, { recursive: true, force: true });
    fs.rmSync(odoDir, { recursive: true, force: true });
  }
}

export function hasPrevious(place: Place): boolean {
  return fs.existsSync(previousDir(place)) && fs.readdirSync(previousDir(place)).length > 0;
}
