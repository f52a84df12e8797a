import fs from 'node:fs';
import path from 'node:path';
import { GUARD, namesIn } from './guard.ts';
import { type Place, previousDir } from './place.ts';

/**
 * Deletes a place's old content, for volumes that cannot hold both. pg_control goes first: what is left cannot be started. PG_VERSION stays, since
 * without it an image's entry point would begin a new cluster in the empty directory.
 */
export function wipePlace(place: Place): void {
  fs.rmSync(path.join(place.root, 'global', 'pg_control'), { force: true });
  for (const name of namesIn(place.root)) {
    if (name !== GUARD) fs.rmSync(path.join(place.root, name), { recursive: true, force: true });
  }
  fs.rmSync(previousDir(place), { recursive: true, force: true });
}
