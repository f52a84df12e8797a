import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE, REQUIRED_DIRECTORIES } from '../../cluster/base-members.ts';
import { asRoot, writeOwned } from '../../cluster/write-owned.ts';
import { OdoError } from '../../errors.ts';
import { type PgControl, parsePgControl } from '../../postgres/files/pg-control.ts';
import { formatTablespaceMap, parseTablespaceMap, relocate } from '../../postgres/files/tablespace-map.ts';
import { demandKnownMajor, majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { layoutOf } from '../../tree/places/layout.ts';
import { heldControlFile, incomingDir } from '../../tree/places/place.ts';
import { checkIncludedWal } from '../../wal/archive/check-included.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { readIfThere } from './read-if-there.ts';
import { putOriginalsBack } from './staged-originals.ts';
import { writeRecoveryFiles } from './write-recovery-files.ts';

/**
 * Makes a startable data directory of the laid-down files: checks them, adds what recovery needs, makes the
 * configuration fit the server, and last of all puts pg_control in place. Gives what of the configuration was
 * overridden, and why.
 */
export function completeStaging(job: LayDownJob): string[] {
  const incoming = incomingDir(job.places.pgdata);
  putOriginalsBack(job.places.pgdata, job.owner);
  holdControlFileAgain(job, incoming);
  checkMajor(job, incoming);
  checkLabel(job, incoming);
  const control = checkControlFile(job);
  for (const name of REQUIRED_DIRECTORIES) ensureDirectory(job, path.join(incoming, name));
  if (job.wal.source === 'included') checkIncludedWal(job.backup, path.join(incoming, 'pg_wal'));
  placeTablespaces(job, incoming);
  const overridden = writeRecoveryFiles(job, incoming, control);
  // A server refuses a data directory with any other mode than these two.
  fs.chmodSync(incoming, fs.statSync(incoming).mode & 0o050 ? 0o750 : 0o700);
  fs.renameSync(heldControlFile(job.places.pgdata), path.join(incoming, CONTROL_FILE));
  const { walLink } = layoutOf(job.places.pgdata);
  return walLink === undefined ? overridden : [...overridden, walNote(walLink)];
}

function walNote(link: string): string {
  return (
    `pg_wal was a link to ${link}, and is a directory in the data directory now; the WAL that lies there ` +
    `belongs to the old data. To have it there again: stop the server, move pg_wal's content to an empty ` +
    'directory on that disk, and put a link to it in its place'
  );
}

/** Takes pg_control out of place again, where an interrupted run may have put it. Everything here can be done twice. */
function holdControlFileAgain(job: LayDownJob, incoming: string): void {
  const held = heldControlFile(job.places.pgdata);
  const inPlace = path.join(incoming, CONTROL_FILE);
  if (!fs.existsSync(held) && fs.existsSync(inPlace)) fs.renameSync(inPlace, held);
}

function checkMajor(job: LayDownJob, incoming: string): void {
  const text = readIfThere(path.join(incoming, 'PG_VERSION'));
  if (text === undefined) throw incomplete(job, 'it has no PG_VERSION file');
  const major = majorOfPgVersionFile(text);
  demandKnownMajor(major, `backup ${job.backup.id}`);
  if (job.server.postgresMajor !== undefined && major !== job.server.postgresMajor) {
    throw new OdoError(
      'versionMismatch',
      `backup ${job.backup.id} is of PostgreSQL ${major}, the service runs ${job.server.postgresMajor}`,
      {
        hint: `set the service's image to PostgreSQL ${major}`,
      },
    );
  }
}

/**
 * Without backup_label a server would take the copy for a crashed one and start from the wrong checkpoint, silently
 * corrupt.
 */
function checkLabel(job: LayDownJob, incoming: string): void {
  if (!fs.existsSync(path.join(incoming, 'backup_label'))) throw incomplete(job, 'it has no backup_label file');
}

function checkControlFile(job: LayDownJob): PgControl {
  const file = heldControlFile(job.places.pgdata);
  if (!fs.existsSync(file)) throw incomplete(job, `it has no ${CONTROL_FILE} file`);
  const control = parsePgControl(fs.readFileSync(file));
  const { systemIdentifier } = control;
  const expected = job.backup.systemIdentifier;
  if (expected !== undefined && systemIdentifier !== expected) {
    throw new OdoError(
      'dataCorrupt',
      `backup ${job.backup.id} says system identifier ${expected}, its pg_control ${systemIdentifier}`,
      {
        hint: 'the repository mixes files of two clusters; choose another backup with --backup',
      },
    );
  }
  return control;
}

/** pg_basebackup leaves a map, which the server turns into links; for other backups the links are made here. */
function placeTablespaces(job: LayDownJob, incoming: string): void {
  const mapFile = path.join(incoming, 'tablespace_map');
  // Tablespaces that replay creates get their links from it.
  const own = job.places.tablespaces.filter(({ isLater }) => !isLater);
  const locations = new Map(own.map(({ oid, place }) => [oid, place.root]));
  const map = readIfThere(mapFile);
  if (map !== undefined) {
    writeOwned(job.owner, mapFile, formatTablespaceMap(relocate(parseTablespaceMap(map), locations)));
    return;
  }
  for (const [oid, location] of locations) {
    const link = path.join(incoming, 'pg_tblspc', String(oid));
    fs.rmSync(link, { force: true });
    fs.symlinkSync(location, link);
    if (asRoot() && job.owner) fs.lchownSync(link, job.owner.uid, job.owner.gid);
  }
}

function ensureDirectory(job: LayDownJob, directory: string): void {
  if (!fs.existsSync(directory)) fs.mkdirSync(directory, { mode: 0o700 });
  // Also for a directory that is there: an interrupted run may have made it and not come to this.
  if (asRoot() && job.owner) fs.chownSync(directory, job.owner.uid, job.owner.gid);
}

function incomplete(job: LayDownJob, what: string): OdoError {
  return new OdoError('backupIncomplete', `backup ${job.backup.id} cannot be restored: ${what}`, {
    hint: 'choose another backup with --backup',
  });
}
