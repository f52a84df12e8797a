import { OdoError } from '../../errors.ts';
import { targetWords } from '../../postgres/configuration/recovery-target.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import { formatMicros } from '../../postgres/terms/timestamp.ts';
import { formatLsn } from '../../postgres/terms/wal-names.ts';
import type { WalMark } from '../../postgres/wal/wal-marks.ts';
import { type ArchivedBackup, endOf, type ReplayList } from '../plan/replay-list.ts';
import { allLists, type MomentSearch } from './moment-search.ts';

/** How many names a message gives. */
const NAMED = 10;

/** When a transaction ended or a restore point was made, for people. */
export function when({ micros }: WalMark): string {
  return spellMoment(formatMicros(micros));
}

export function tooEarly(search: MomentSearch, endOfBackup: (backup: ArchivedBackup) => string): OdoError {
  const oldest = search.backups.at(-1) as ArchivedBackup;
  const wanted = targetWords(search.moment);
  if (search.named) {
    return outOfReach(
      `backup ${oldest.id} ended at ${endOfBackup(oldest)}, after the target ${wanted}`,
      'leave --backup out: ODO takes the newest that ended before the target',
    );
  }
  return outOfReach(
    `no backup ended by ${wanted}; the oldest complete one, ${oldest.id}, ended at ${endOfBackup(oldest)}`,
    `the earliest moment that can be recovered is the end of that backup: --backup ${oldest.id} --target immediate`,
  );
}

/**
 * The error when the archive has no transaction behind the time. PostgreSQL would end with an error, since it cannot
 * know whether more is to come.
 */
export async function nothingLater(search: MomentSearch, list: ReplayList, time: string): Promise<OdoError> {
  const last = await search.wal.lastEnd(list);
  const wanted = spellMoment(time);
  const until = last
    ? `the last transaction in it ended at ${when(last.mark)}`
    : `no transaction ended in it since backup ${list.backup.id}`;
  if (list.hole === undefined) {
    return outOfReach(
      `nothing in the archive is later than ${wanted}: ${until}`,
      'leave --target-time out to restore everything up to there, or choose an earlier time',
    );
  }
  return outOfReach(
    `${wanted} lies behind a hole in the archive, which lacks ${list.hole}: ${until} before it`,
    acrossHole(search, list, time),
  );
}

function acrossHole({ backups }: MomentSearch, list: ReplayList, time: string): string {
  const later = backups.filter(({ endTime = '' }) => Date.parse(endTime) > Date.parse(time)).at(-1);
  const behind = later ? `; behind the hole, the end of backup ${later.id} (${later.endTime}) is the next` : '';
  return `put ${list.hole} into the archive, or choose a time up to then${behind}`;
}

export function tooLate(list: ReplayList, message: string): OdoError {
  const hole = list.hole === undefined ? '' : `; it lacks ${list.hole}`;
  return outOfReach(
    `${message}${hole}`,
    'choose an earlier moment, or leave the target out to restore all that is there',
  );
}

/** The error when nothing of the name or id was found anywhere. Tells what was found. */
export async function nowhere(search: MomentSearch): Promise<OdoError> {
  const { moment, wal, backups } = search;
  const names: string[] = [];
  const ends: { first?: WalMark; last?: WalMark } = {};
  let hole: string | undefined;
  for await (const list of allLists({ ...search, backups: backups.slice(-1) })) {
    hole = list.hole;
    await wal.first(list, (mark) => {
      if (mark.kind === 'restore point') names.push(`${mark.name} (${when(mark)})`);
      else {
        ends.first ??= mark;
        ends.last = mark;
      }
      return false;
    });
  }
  const end = hole === undefined ? '' : `, up to the missing ${hole}`;
  const since = `the archive since backup ${backups.at(-1)?.id}${end}`;
  const there =
    moment.target.kind === 'name'
      ? `its restore points are: ${shorten([...new Set(names)]) || 'none'}`
      : `the first transaction that ended there is ${ends.first?.xids.join(' or ') ?? 'none'}, the last ` +
        `${ends.last?.xids.join(' or ') ?? 'none'}`;
  const hint = search.named
    ? 'leave --backup out to search from the oldest backup on'
    : 'choose one of those, or --target-time';
  return outOfReach(`${targetWords({ ...moment, exclusive: false })} is not in ${since}; ${there}`, hint);
}

function shorten(words: readonly string[]): string {
  const newest = words.slice(-NAMED);
  return `${newest.length < words.length ? '… ' : ''}${newest.join(', ')}`;
}

export function noWay({ moment, backups, histories, passedOver }: MomentSearch): OdoError {
  // Backups that lack their own WAL would have led there. The newest of them gives the error.
  for (const error of passedOver.values()) return error;
  const timelines = [
    ...new Set([...backups.map(({ timeline }) => timeline), ...histories.map(({ timeline }) => timeline)]),
  ].sort((a, b) => a - b);
  return outOfReach(
    `no backup that ended before the target leads to timeline ${moment.timeline}; the repository knows ` +
      `timeline ${timelines.join(', ')}`,
    'choose another with --target-timeline, or a later target',
  );
}

/** The moment cannot be recovered. */
export function outOfReach(message: string, hint: string): OdoError {
  return new OdoError('targetOutOfReach', message, { hint });
}

/** The error when the place to stop at is there, but no backup ended before it. */
export function onlyWithinBackup({ moment, named }: MomentSearch, backup: ArchivedBackup, mark: WalMark): OdoError {
  return outOfReach(
    `recovery to ${targetWords(moment)} would stop at ${formatLsn(mark.lsn)} (${when(mark)}), before the end ` +
      `of backup ${backup.id} (${formatLsn(endOf(backup))})`,
    named
      ? 'choose an older backup, or leave --backup out'
      : 'no older backup leads there; the nearest moment is --target immediate',
  );
}
