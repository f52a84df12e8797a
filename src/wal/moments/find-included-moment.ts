import type { Backup } from '../../formats/contract/format.ts';
import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { FoundMoment } from './find-moment.ts';
import { outOfReach } from './out-of-reach.ts';

/** How many backups a message names. */
const NAMED = 6;

interface IncludedQuery {
  /** Complete backups, newest first; only one when the user named it. */
  backups: readonly Backup[];
  named: boolean;
  moment: Moment;
  /** Finds out where a backup's WAL ends. */
  describe(backup: Backup): Promise<Backup>;
}

/**
 * A backup that brings its own WAL can be recovered to its own end and hardly any farther: to `immediate`, or to a
 * position between its end and the end of its last segment. `targetOutOfReach` for anything else.
 */
export async function findIncludedMoment(
  query: IncludedQuery,
): Promise<Omit<FoundMoment, 'backup'> & { backup: Backup }> {
  const { backups, named, moment, describe } = query;
  const { target, timeline } = moment;
  const [newest] = backups;
  if (!newest) throw unreachable(query);
  const wal = { source: 'included' } as const;
  const because = named ? 'it was asked for' : 'it is the newest';
  if (target.kind === 'immediate') {
    const backup = await describe(newest);
    if (!isOn(backup, timeline)) throw unreachable(query);
    return { backup, wal, because, timeline: backup.timeline ?? 1 };
  }
  if (target.kind !== 'lsn') throw unreachable(query);
  const lsn = parseLsn(target.lsn);
  const begun = backups.filter(({ beginLsn }) => beginLsn !== undefined && parseLsn(beginLsn) <= lsn);
  for (const candidate of begun) {
    const backup = await describe(candidate);
    const { endLsn, endWal, walSegmentSizeBytes = 16 * 1024 * 1024 } = backup;
    if (endLsn === undefined || endWal === undefined || parseLsn(endLsn) > lsn || !isOn(backup, timeline)) continue;
    const end = BigInt(parseSegmentName(endWal, walSegmentSizeBytes).segmentNumber + 1) * BigInt(walSegmentSizeBytes);
    if (lsn >= end) break;
    return {
      backup,
      wal,
      because: `it ended at ${endLsn}, and brings the WAL to the end of segment ${endWal}`,
      doubt: `whether a record follows ${target.lsn} there is seen in recovery`,
      timeline: backup.timeline ?? 1,
    };
  }
  throw unreachable(query);
}

function isOn(backup: Backup, timeline: Moment['timeline']): boolean {
  return timeline === undefined || typeof timeline === 'string' || timeline === backup.timeline;
}

function unreachable({ backups, moment }: IncludedQuery) {
  const names = backups.slice(0, NAMED).map(({ id, endTime }) => `${id} (begun at ${endTime})`);
  return outOfReach(
    `${targetWords(moment)} cannot be reached: backups of pg_basebackup bring their own WAL, which ends ` +
      'where the backup does',
    'only the end of a backup can be restored: --backup ID --target immediate, with one of ' +
      `${names.join(', ')}${backups.length > NAMED ? ' …' : ''}`,
  );
}
