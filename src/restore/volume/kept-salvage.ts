import fs from 'node:fs';
import path from 'node:path';
import { ancestryIn } from '../../cluster/ancestry.ts';
import { readControl } from '../../cluster/read-control-file.ts';
import { parseLsn } from '../../postgres/terms/wal-names.ts';
import { syncDirectory } from '../../tree/places/durable.ts';
import { type Place, salvageDir, spoolDir } from '../../tree/places/place.ts';
import { KEPT } from '../../wal/feed/spool-protocol.ts';
import { type AsideWal, hasAllOf, lookAtAside } from '../../wal/salvage/aside-wal.ts';
import { salvagedIn } from '../../wal/salvage/salvage-archive.ts';
import { isInRecovery } from './used-since.ts';

// WAL that was set aside of old data may be the only copy of it. `salvage` itself holds what the restore under way
// replays. Folders below it hold what was set aside earlier and nobody else has.

/** The folders with segments, that of the restore under way first. */
export function salvageFolders(pgdata: Place): string[] {
  const folder = salvageDir(pgdata);
  if (!fs.existsSync(folder)) return [];
  const below = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = [folder, ...below.map(({ name }) => path.join(folder, name)).sort()];
  return folders.filter((one) => salvagedIn(one).length > 0);
}

/** Whether WAL was set aside that the data in place has not replayed, and does not hold in its pg_wal. */
export function keepsSalvage(pgdata: Place): boolean {
  return salvageFolders(pgdata).some((folder) => !isHeldBy(pgdata.root, folder));
}

/**
 * Removes WAL that the data in a directory has replayed, or holds in its pg_wal. True when something stays.
 * @param dataDirectory as a rule the data in place
 */
export function dropHeldSalvage(pgdata: Place, dataDirectory = pgdata.root): boolean {
  for (const folder of salvageFolders(pgdata)) {
    if (isHeldBy(dataDirectory, folder)) drop(pgdata, folder);
  }
  if (salvageFolders(pgdata).length > 0) return true;
  fs.rmSync(salvageDir(pgdata), { recursive: true, force: true });
  return false;
}

/**
 * Moves what an earlier restore would have replayed into a folder of its own, so that the next restore does not take it
 * unseen.
 */
export function shelveSalvage(pgdata: Place): void {
  const from = salvageDir(pgdata);
  const aside = lookAtAside(from);
  if (!aside || salvageFolders(pgdata).some((shelf) => shelf !== from && hasAllOf(shelf, aside))) {
    drop(pgdata, from);
    return;
  }
  const to = freeShelf(from);
  fs.mkdirSync(to, { mode: 0o700 });
  forgetInSpool(pgdata, from);
  for (const { name } of salvagedIn(from)) fs.renameSync(path.join(from, name), path.join(to, name));
  for (const folder of [to, from]) syncDirectory(folder);
}

function freeShelf(folder: string): string {
  for (let number = 1; ; number++) {
    const shelf = path.join(folder, `kept-${number}`);
    if (!fs.existsSync(shelf)) return shelf;
  }
}

/** Removes the folder's segments, also from the spool, where the same may have been put. */
function drop(pgdata: Place, folder: string): void {
  forgetInSpool(pgdata, folder);
  for (const { name } of salvagedIn(folder)) fs.rmSync(path.join(folder, name), { force: true });
  if (folder !== salvageDir(pgdata)) fs.rmdirSync(folder);
}

function forgetInSpool(pgdata: Place, folder: string): void {
  const spool = spoolDir(pgdata);
  for (const { name } of salvagedIn(folder)) {
    for (const file of [path.join(spool, name), path.join(spool, KEPT, name)]) fs.rmSync(file, { force: true });
  }
}

function isHeldBy(dataDirectory: string, folder: string): boolean {
  const aside = lookAtAside(folder);
  if (!aside) return true;
  const control = readControl(dataDirectory);
  if (!control || control.systemIdentifier !== aside.systemIdentifier || isInRecovery(dataDirectory)) return false;
  const wal = path.join(dataDirectory, 'pg_wal');
  return (control.timeline === aside.timeline && hasAllOf(wal, aside)) || hasReplayed(wal, aside);
}

/** Whether this WAL was replayed: a server leaves a timeline at the end of what it has replayed of it. */
function hasReplayed(wal: string, { timeline, endLsn }: AsideWal): boolean {
  return ancestryIn(wal).some((left) => left.timeline === timeline && parseLsn(left.lsn) >= endLsn);
}
