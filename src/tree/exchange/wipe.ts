import fs from 'node:fs';
import path from 'node:path';
import { syncDirectory } from '../places/durable.ts';
import { type Place, previousDir } from '../places/place.ts';
import { GUARD, namesIn } from './guard.ts';

const CONTROL_DIRECTORY = 'global';

/** Takes pg_control away, for good: only from then on the deletion has begun. */
export function makeUnstartable({ root }: Place): void {
  const directory = path.join(root, CONTROL_DIRECTORY);
  if (!fs.existsSync(directory)) return;
  fs.rmSync(path.join(directory, 'pg_control'), { force: true });
  syncDirectory(directory);
}

/**
 * Deletes a place's old content, for volumes that cannot hold both. By then no server can start on it. PG_VERSION
 * stays, since without it an image's entry point would begin a new cluster in the empty directory.
 */
export function wipePlace(place: Place): void {
  for (const name of namesIn(place.root)) {
    if (name !== GUARD) fs.rmSync(path.join(place.root, name), { recursive: true, force: true });
  }
  fs.rmSync(previousDir(place), { recursive: true, force: true });
}
