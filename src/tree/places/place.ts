import path from 'node:path';

/** The folder at a volume's root (or in a plain directory) that holds everything of ODO's. */
export const ODO_DIR = '.odo';

/** One directory that gets new content: PGDATA, or a tablespace's directory. */
export interface Place {
  /** The directory whose content is replaced, as an absolute path. */
  root: string;
  /** ODO's own folder, on the same file system as `root`, so that renames suffice. */
  odoDir: string;
}

/** The owner of everything that is written. */
export interface Owner {
  uid: number;
  gid: number;
}

/** Where the new content is laid down beside the old. */
export function incomingDir(place: Place): string {
  return path.join(place.odoDir, 'incoming');
}

/** Where the old content waits until the new is proven. */
export function previousDir(place: Place): string {
  return path.join(place.odoDir, 'previous');
}

/** pg_control's parking place until everything else has been written. */
export function heldControlFile(place: Place): string {
  return path.join(place.odoDir, 'pg_control.held');
}

/** The backup's own text of configuration that was changed while it was staged. */
export function originalsFile(place: Place): string {
  return path.join(place.odoDir, 'originals.json');
}

export function spoolDir(place: Place): string {
  return path.join(place.odoDir, 'spool');
}

/** WAL of the old data that the archive lacks, set aside. */
export function salvageDir(place: Place): string {
  return path.join(place.odoDir, 'salvage');
}

export function restoreCommandFile(place: Place): string {
  return path.join(place.odoDir, 'restore-command');
}
