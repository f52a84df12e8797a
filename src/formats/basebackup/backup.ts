import { inferSegmentSize, parseLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ObjectInfo } from '../../store/objects/object-store.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { Backup, BackupState, Part } from '../contract/format.ts';
import type { SetLabel } from './label.ts';
import { partsOf, type SetObjects } from './set.ts';

/** A set without its base.tar that got no new object for this long was never finished. */
export const DIED_AFTER_MS = 3 * 3600 * 1000;

/** The label at the head of base.tar, or why there is none. */
export type SetHead = SetLabel | 'no label' | { unreadable: string } | undefined;

interface Verdict {
  state: BackupState;
  reason?: string;
}

/**
 * Makes a Backup of a set. backup_label tells only the beginning of the backup, which serves as its endTime, too. The
 * end of its WAL is in backup_manifest, which only describe() reads.
 * @param head undefined when it was not looked at (see needsLabel)
 * @param objects all of the folder, for their times
 * @param now in milliseconds since 1970
 */
export function toBackup(
  id: string,
  server: string,
  set: SetObjects,
  head: SetHead,
  objects: readonly ObjectInfo[],
  now: number,
): Backup {
  const found = typeof head === 'object' && 'label' in head ? head : undefined;
  const label = found?.label;
  const parts = partsOf(set);
  const { state, reason } = judge(set, head, objects, now);
  return withoutUndefined({
    id,
    format: 'basebackup' as const,
    state,
    reason,
    server,
    beginTime: label?.startTime,
    endTime: label?.startTime,
    timeline: label && (label.startTimeline ?? timelineOfName(label.startWal)),
    beginWal: label?.startWal,
    beginLsn: label?.startLsn,
    walSegmentSizeBytes: label && inferSegmentSize(parseLsn(label.startLsn), label.startWal),
    tablespaces: found?.tablespaces ?? [],
    parts,
    storedBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    wal: 'included' as const,
    manifestKey: set.manifest?.key,
  });
}

/** The base.tar whose head has to be read to judge the set; undefined when the set is judged without. */
export function needsLabel(set: SetObjects): Part | undefined {
  return set.base.length === 1 && set.unknown.length === 0 ? set.base[0] : undefined;
}

function judge(set: SetObjects, head: SetHead, objects: readonly ObjectInfo[], now: number): Verdict {
  if (set.unknown.length > 0) return { state: 'unsupported', reason: `ODO does not read ${set.unknown.join(', ')}` };
  if (set.base.length === 0) return judgeWithoutBase(objects, now);
  if (set.base.length > 1 || set.wal.length > 1) {
    const twice = set.base.length > 1 ? set.base : set.wal;
    return {
      state: 'failed',
      reason: `it holds ${twice.map(({ key }) => key.slice(key.lastIndexOf('/') + 1)).join(' and ')}`,
    };
  }
  if (head === undefined || head === 'no label') {
    return { state: 'unsupported', reason: 'its tar does not begin with backup_label, as those of pg_basebackup do' };
  }
  if ('unreadable' in head) return { state: 'failed', reason: head.unreadable };
  if (head.label.incrementalFrom) {
    return {
      state: 'unsupported',
      reason: 'it is incremental: pg_combinebackup has to put it together with the backups it builds on',
    };
  }
  const present = new Set(set.tablespaces.map(({ oid }) => oid));
  const missing = head.tablespaces.filter(({ oid }) => !present.has(oid));
  if (missing.length > 0) {
    const names = missing.map(({ oid, location }) => `${oid}.tar (the tablespace at ${location})`);
    return { state: 'failed', reason: `${names.join(', ')} is missing` };
  }
  if (head.label.startTime === undefined)
    return { state: 'failed', reason: 'its backup_label has no readable START TIME' };
  return { state: 'complete' };
}

function judgeWithoutBase(objects: readonly ObjectInfo[], now: number): Verdict {
  const newest = Math.max(...objects.map(({ lastModified }) => lastModified?.getTime() ?? Number.NEGATIVE_INFINITY));
  return now - newest < DIED_AFTER_MS
    ? { state: 'running', reason: 'base.tar is not there yet' }
    : { state: 'died', reason: 'base.tar is missing' };
}
