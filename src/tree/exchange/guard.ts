import fs from 'node:fs';
import path from 'node:path';
import { writeFileDurably } from '../places/durable.ts';
import { isFull } from '../places/fs-errors.ts';
import { ODO_DIR, type Owner } from '../places/place.ts';

/**
 * The guard against initdb. An image's entry point takes a directory without PG_VERSION for new, and makes an empty
 * cluster in it. So a data directory that is empty while a backup is laid down gets a PG_VERSION that no server can
 * start on.
 */
export const GUARD = 'PG_VERSION';

const MARK = 'odo: there is no data here; a restore is under way, or was broken off';

/** Names in a place that are neither ODO's nor of mkfs. */
export function namesIn(root: string): string[] {
  return fs.existsSync(root) ? fs.readdirSync(root).filter((name) => name !== ODO_DIR && name !== 'lost+found') : [];
}

/** Whether there is no data in a directory: nothing, or nothing but the guard. */
export function isVacant(root: string): boolean {
  return namesIn(root).every((name) => name === GUARD);
}

/** Puts the guard into a directory, also over a file of its name. On a full disk, the file that is there stays. */
export function putGuard(root: string, major: number | string | undefined, owner?: Owner): void {
  const file = path.join(root, GUARD);
  try {
    writeFileDurably(file, `${major ?? 0}\n${MARK}\n`, 0o600, owner);
  } catch (error) {
    fs.rmSync(`${file}.new`, { force: true });
    if (!isFull(error)) throw error;
  }
}

/**
 * Leaves the directory as empty as it was. Does nothing where there is data. `isKnown`: the file counts as a guard,
 * whatever it says.
 */
export function removeGuard(root: string, { isKnown = false } = {}): void {
  if (hasGuard(root) || (isKnown && isVacant(root))) fs.rmSync(path.join(root, GUARD), { force: true });
}

/** Whether a guard of ODO's, and nothing else, is in a directory. */
export function hasGuard(root: string): boolean {
  return isVacant(root) && isOwn(path.join(root, GUARD));
}

function isOwn(file: string): boolean {
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(MARK);
}
