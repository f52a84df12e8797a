import fs from 'node:fs';
import path from 'node:path';
import { ODO_DIR, type Place, previousDir } from './place.ts';

/** Deletes a place's old content, for volumes that cannot hold both. pg_control goes first: what is left cannot be started. */
export function wipePlace(place: Place): void {
  fs.rmSync(path.join(place.root, 'global', 'pg_control'), { force: true });
  for (const name of fs.readdirSync(place.root)) {
    if (name !== ODO_DIR && name !== 'lost+found') fs.rmSync(path.join(place.root, name), { recursive: true, force: true });
  }
  fs.rmSync(previousDir(place), { recursive: true, force: true });
}
