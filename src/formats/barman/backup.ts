import type { ObjectInfo } from '../../store/objects/object-store.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { Backup, BackupState } from '../contract/format.ts';
import type { BackupInfo } from './backup-info.ts';
import { doubtLastTars } from './last-tars.ts';
import { findParts, type PartsFound } from './parts.ts';

/** The repository's objects and facts of one backup. */
export interface BackupFolder {
  id: string;
  /** The objects directly in the folder. */
  objects: ObjectInfo[];
  /** The folder holds a folder `data/`: a plain directory, as a barman server keeps it. */
  plainDirectory: boolean;
  /** backup.info; undefined when there is none. If it is unreadable, words say why. */
  info: BackupInfo | undefined | { unreadable: string };
}

/**
 * A backup that has not come to its end, and got no new object for this long, has died. barman uploads a tar whole
 * before the next begins. A tar has 100 GB by default, which takes three hours at 10 MB/s.
 */
export const DIED_AFTER_MS = 3 * 3600 * 1000;

interface Verdict {
  state: BackupState;
  reason?: string;
}

/**
 * Makes a Backup of barman's folder. WAITING_FOR_WALS counts as complete here, since the copy is complete. Whether the
 * WAL has arrived since, the catalogue finds out: barman's own servers set this status, and an uploaded backup.info is
 * never updated.
 * @param now for telling a running backup from one that died, in milliseconds since 1970
 */
export function toBackup(folder: BackupFolder, server: string, now: number): Backup {
  const info = folder.info !== undefined && 'status' in folder.info ? folder.info : undefined;
  const found = findParts(folder.objects, info?.tablespaces);
  const { state, reason } = judge(folder, found, now);
  return withoutUndefined({
    id: folder.id,
    name: info?.name,
    format: 'barman' as const,
    state,
    reason,
    doubt: state === 'complete' ? doubtLastTars(found.parts) : undefined,
    server,
    beginTime: info?.beginTime,
    endTime: info?.endTime,
    postgresMajor: info?.postgresMajor,
    systemIdentifier: info?.systemIdentifier,
    timeline: info?.timeline,
    beginWal: info?.beginWal,
    endWal: info?.endWal,
    beginLsn: info?.beginLsn,
    endLsn: info?.endLsn,
    walSegmentSizeBytes: info?.walSegmentSizeBytes,
    tablespaces: info?.tablespaces ?? [],
    parts: found.parts,
    storedBytes: found.parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    restoredBytes: info?.clusterSizeBytes,
    wal: 'archive' as const,
  });
}

function judge(folder: BackupFolder, found: PartsFound, now: number): Verdict {
  const { info } = folder;
  if (info === undefined) return unfinished(folder, 'it has no backup.info', now);
  if ('unreadable' in info) return { state: 'failed', reason: info.unreadable };
  switch (info.status) {
    case 'DONE':
    case 'WAITING_FOR_WALS':
      return judgeFinished(folder, info, found);
    case 'FAILED':
      return { state: 'failed', reason: `barman says: ${info.error ?? 'FAILED, without a reason'}` };
    case 'EMPTY':
    case 'STARTED':
    case 'SYNCING':
      return unfinished(folder, `its status is ${info.status}`, now);
    default:
      return { state: 'unsupported', reason: `ODO does not know its status ${info.status}` };
  }
}

function judgeFinished(folder: BackupFolder, info: BackupInfo, found: PartsFound): Verdict {
  const refusal = refuse(folder, info, found);
  if (refusal !== undefined) return { state: 'unsupported', reason: refusal };
  const required = { timeline: info.timeline, begin_wal: info.beginWal, end_wal: info.endWal, end_time: info.endTime };
  const absent = Object.entries(required).filter(([, value]) => value === undefined);
  const faults = [...found.missing, ...absent.map(([key]) => `backup.info has no ${key}`)];
  return faults.length > 0 ? { state: 'failed', reason: faults.join('; ') } : { state: 'complete' };
}

function refuse(folder: BackupFolder, info: BackupInfo, found: PartsFound): string | undefined {
  if (info.snapshots) return 'its data is in disk snapshots of the cloud provider, not in the repository';
  if (info.encryption !== undefined) return `it is encrypted (${info.encryption}), which ODO does not read`;
  if (info.parentBackupId !== undefined) {
    return `it is incremental, on top of ${info.parentBackupId}: pg_combinebackup has to put it together`;
  }
  if (found.unknown.length > 0) return `ODO does not read ${found.unknown.join(', ')}`;
  if (folder.plainDirectory && found.parts.length === 0)
    return 'it is a plain directory of a barman server, not the tars of barman-cloud-backup';
  return undefined;
}

function unfinished(folder: BackupFolder, what: string, now: number): Verdict {
  const newest = Math.max(
    ...folder.objects.map(({ lastModified }) => lastModified?.getTime() ?? Number.NEGATIVE_INFINITY),
  );
  if (newest === Number.NEGATIVE_INFINITY) return { state: 'died', reason: what };
  const since = `${what}, and its newest object is of ${new Date(newest).toISOString()}`;
  return now - newest < DIED_AFTER_MS
    ? { state: 'running', reason: `${since}: it is still running, or died just now` }
    : { state: 'died', reason: `${since}: it did not come to its end` };
}
