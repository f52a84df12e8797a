import type { Backup, Part } from '../../formats/contract/format.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';

/** Which of a backup's directories: PGDATA, or the tablespace of that OID. */
export type BackupDirectory = 'pgdata' | number;

/** What some directories of a restored cluster take on one file system. */
export interface Need {
  /** The least: with less the restore fails. */
  bytes: number;
  /** What the directories take as a rule. */
  likelyBytes: number;
  files: number;
  /** Where the numbers are from, in words. */
  basis: string;
}

/** How many times as large packed data is on disk, as a rule; some is three times, some ten times. */
export const USUAL_GROWTH = 4;

/** Files of a cluster that holds nothing yet. */
const FEWEST_FILES = 1000;

/**
 * The room that the named directories of a backup take together. At best a format tells the size of the whole, and by a
 * manifest that of each tablespace. Otherwise a directory takes at least its size in the store, and as a rule its share
 * of the whole.
 */
export function needOf(backup: Backup, shares: readonly BackupDirectory[]): Need {
  const { restoredBytes, restoredFiles } = backup;
  const storedBytes = storedOf(backup, shares);
  const isWhole = isAll(backup, shares);
  const hasBase = shares.includes('pgdata');
  const told = isWhole ? { bytes: restoredBytes, files: restoredFiles } : splitOf(backup, shares);
  const files = told?.files ?? (hasBase ? FEWEST_FILES : 1);
  if (told?.bytes !== undefined) {
    return { bytes: told.bytes, likelyBytes: told.bytes, files, basis: 'by what the backup says of its size' };
  }
  if (restoredBytes === undefined || isWhole) {
    const likelyBytes = Math.max(grownOf(backup, shares), storedBytes);
    return { bytes: storedBytes, likelyBytes, files, basis: 'at least, by its size in the store' };
  }
  const all = Math.max(1, grownOf(backup, everyShare(backup)));
  return {
    bytes: Math.min(storedBytes, restoredBytes),
    likelyBytes: Math.round((restoredBytes * grownOf(backup, shares)) / all),
    files,
    basis: 'at least, by its size in the store',
  };
}

/** The sizes that a manifest tells of each tablespace, and so of PGDATA. */
function splitOf(backup: Backup, shares: readonly BackupDirectory[]): { bytes: number; files: number } | undefined {
  const { tablespaces, restoredBytes, restoredFiles } = backup;
  if (restoredBytes === undefined || restoredFiles === undefined) return undefined;
  const rest = { bytes: restoredBytes, files: restoredFiles };
  const wanted = { bytes: 0, files: 0 };
  for (const { oid, restoredBytes: bytes, restoredFiles: files } of tablespaces) {
    if (bytes === undefined || files === undefined) return undefined;
    rest.bytes -= bytes;
    rest.files -= files;
    if (!shares.includes(oid)) continue;
    wanted.bytes += bytes;
    wanted.files += files;
  }
  if (!shares.includes('pgdata')) return wanted;
  return { bytes: wanted.bytes + rest.bytes, files: wanted.files + rest.files };
}

/** Whether those are all directories that the backup has. */
export function isAll(backup: Backup, shares: readonly BackupDirectory[]): boolean {
  return everyShare(backup).every((share) => shares.includes(share));
}

function everyShare({ parts }: Backup): BackupDirectory[] {
  return ['pgdata', ...parts.flatMap(({ role, oid }) => (role === 'tablespace' && oid !== undefined ? [oid] : []))];
}

function partsOf({ parts }: Backup, shares: readonly BackupDirectory[]): Backup['parts'] {
  return parts.filter(({ role, oid }) => shares.includes(role === 'tablespace' && oid !== undefined ? oid : 'pgdata'));
}

/** A backup whose parts are not known counts as a base without tablespaces. */
function storedOf(backup: Backup, shares: readonly BackupDirectory[]): number {
  const known = partsOf(backup, shares).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return backup.parts.length === 0 && shares.includes('pgdata') ? (backup.storedBytes ?? 0) : known;
}

function grownOf(backup: Backup, shares: readonly BackupDirectory[]): number {
  const growth = ({ layers }: Part) => (layers.length === 0 ? 1 : USUAL_GROWTH);
  return partsOf(backup, shares).reduce((sum, part) => sum + part.sizeBytes * growth(part), 0);
}

/**
 * WAL that a server keeps in pg_wal while it recovers, as a rule: max_wal_size of 1 GiB, and as much again until the
 * next restartpoint has ended.
 */
const KEPT_BY_SERVER_BYTES = 2 * 2 ** 30;

/** Segments that a server makes for itself when it is promoted, and the last one, which stays in the spool. */
const OWN_SEGMENTS = 4;

/**
 * The room that WAL takes beside PGDATA, where the spool and pg_wal are. Fed WAL is moved from the spool to the server,
 * so a segment is in one of them. WAL that is fetched whole stays in the spool as well. Neither has more than there is.
 * `afterwardsBytes` is needed only when all is there.
 */
export function walNeed(wal: WalPlan, spoolBytes: number | undefined): { bytes: number; afterwardsBytes: number } {
  if (wal.source !== 'archive') return { bytes: 0, afterwardsBytes: 0 };
  const allBytes = wal.segments * wal.segmentSizeBytes;
  const keptBytes = Math.min(allBytes, KEPT_BY_SERVER_BYTES);
  const bytes = spoolBytes === undefined ? allBytes + keptBytes : Math.min(allBytes, spoolBytes + KEPT_BY_SERVER_BYTES);
  return { bytes, afterwardsBytes: OWN_SEGMENTS * wal.segmentSizeBytes };
}
