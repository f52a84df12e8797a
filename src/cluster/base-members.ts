import path from 'node:path';
import type { TarEntry } from '../stream/bytes/entry.ts';
import { ODO_DIR } from '../tree/places/place.ts';

/** Files of a running server or an earlier recovery. Such a file in a restored directory does harm. */
const NEVER_RESTORED = new Set([
  'recovery.signal',
  'standby.signal',
  'postmaster.pid',
  'postmaster.opts',
  'backup_label.old',
  'tablespace_map.old',
]);

/** Directories that the server expects and that backup tools leave out when they are empty, excluded or links. */
export const REQUIRED_DIRECTORIES = [
  'global',
  'pg_commit_ts',
  'pg_dynshmem',
  'pg_logical',
  'pg_logical/mappings',
  'pg_logical/snapshots',
  'pg_multixact',
  'pg_multixact/members',
  'pg_multixact/offsets',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_tblspc',
  'pg_twophase',
  'pg_wal',
  'pg_wal/archive_status',
  'pg_xact',
];

/**
 * Directories whose content no backup holds (PostgreSQL, src/backend/backup/basebackup.c, excludeDirContents, and
 * pg_wal). Some clusters have links in their place; an empty directory does as well.
 */
const EMPTY_IN_BACKUPS = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);

/** Where the server keeps its data. */
const SERVER_DIRECTORIES = new Set(['base', ...REQUIRED_DIRECTORIES.map((directory) => directory.split('/')[0] ?? '')]);
/** The files at the top that the server or ODO writes. */
const SERVER_FILES = new Set([
  'PG_VERSION',
  'backup_label',
  'tablespace_map',
  'postgresql.auto.conf',
  'current_logfiles',
]);

export const CONTROL_FILE = 'global/pg_control';

/**
 * Where a member of a base part goes. held: pg_control, which is put in place last. skip: nowhere. keep: to its own
 * path. Links to tablespaces are skipped, since ODO makes them anew. Links to a pg_wal, a pg_stat_tmp … elsewhere are
 * skipped, since ODO makes real directories of these.
 */
export function placeBaseMember(entry: TarEntry): 'held' | 'skip' | 'keep' {
  if (entry.path === CONTROL_FILE) return 'held';
  const top = entry.path.split('/')[0] ?? '';
  if (top === ODO_DIR || NEVER_RESTORED.has(entry.path)) return 'skip';
  if (top === 'pg_tblspc' && entry.path !== 'pg_tblspc') return 'skip';
  if (entry.type === 'symlink' && EMPTY_IN_BACKUPS.has(entry.path)) return 'skip';
  return 'keep';
}

/**
 * Whether a symbolic link may be laid down as it is. It may not where the server keeps its data, or in place of a file
 * that the server or ODO writes: the copy would then share that file with whatever the link points to. Elsewhere it is
 * the user's own (postgresql.conf, certificates, a log directory). ODO keeps it, and never goes through it.
 */
export function mayBeLink({ path: member }: TarEntry): boolean {
  const top = member.split('/')[0] ?? '';
  return !SERVER_DIRECTORIES.has(top) && !SERVER_FILES.has(member);
}

/**
 * Whether a link points out of the data directory, where a restored server may not find anything, or something else.
 */
export function leadsOut({ path: member, linkName = '' }: TarEntry): boolean {
  const target = path.posix.join(path.posix.dirname(member), linkName);
  return path.posix.isAbsolute(linkName) || target === '..' || target.startsWith('../');
}

/** Incremental backups must be combined first; their files cannot be used as they are. */
export function isIncremental(entry: TarEntry): boolean {
  return path.posix.basename(entry.path).startsWith('INCREMENTAL.');
}

/**
 * Whether a name at the top of a data directory is that of data, or of a file that describes the backup. Such a file
 * holds no configuration.
 */
export function isServersOwn(name: string): boolean {
  return (
    (SERVER_DIRECTORIES.has(name) || SERVER_FILES.has(name) || name === 'backup_manifest') &&
    name !== 'postgresql.auto.conf'
  );
}
