import { OdoError } from '../../errors.ts';
import type { Backup } from './format.ts';

/** A newer backup that could not be taken, with the reason in words. */
export interface Skipped {
  id: string;
  reason: string;
  /** Why it matters that the backup is passed over: it is whole, or holds data that the chosen one does not lead to. */
  warning?: string;
}

/** The backup to restore, and the newer ones that could not be taken. */
export interface Choice {
  backup: Backup;
  skipped: Skipped[];
}

/** How many backups a message names before it only counts them. */
const NAMED = 10;

/**
 * Chooses the newest complete backup by its end time, or the one whose id (or name) is `wanted`. Does not look at the
 * archive. When the newest backup lacks its WAL, restore/proofs/choose-backup.ts passes it over.
 * @throws notFound when there is no backup at all or none of that id; backupIncomplete when none is complete, or the
 * wanted one is not
 */
export function chooseBackup(backups: readonly Backup[], wanted: 'latest' | (string & {})): Choice {
  if (backups.length === 0) {
    throw new OdoError('notFound', 'the repository holds no backup', {
      hint: 'check that -u names the right server and that a backup was ever taken',
    });
  }
  return wanted === 'latest' ? chooseLatest(backups) : { backup: chooseById(backups, wanted), skipped: [] };
}

/** Sorts the oldest first. Backups without an end time come before all others, in the order of their ids. */
export function byEndTime(a: Backup, b: Backup): number {
  return compareText(a.endTime ?? '', b.endTime ?? '') || compareText(a.id, b.id);
}

function chooseLatest(backups: readonly Backup[]): Choice {
  const newestFirst = [...backups].sort(byEndTime).reverse();
  const backup = newestFirst.find(({ state }) => state === 'complete');
  if (backup) {
    const since = backup.beginTime ?? backup.endTime ?? '';
    const skipped = newestFirst.filter((other) => other.state !== 'complete' && isNewer(other, since));
    return { backup, skipped: skipped.map((other) => toSkipped(other, backup)) };
  }
  throw new OdoError('backupIncomplete', `no backup is complete: ${describeAll(newestFirst)}`, {
    hint: 'take a backup, or point -u at another repository',
  });
}

/**
 * Warns of what is lost with a backup that is passed over. WAL that travels in a backup is nowhere else, so all that is
 * newer than the chosen backup is lost. A backup that still runs has nothing yet. A backup that ODO cannot read may be
 * the very one that was counted on.
 */
function toSkipped(other: Backup, chosen: Backup): Skipped {
  const skipped = { id: other.id, reason: reasonOf(other) };
  if (other.wal === 'included' && other.state !== 'running') {
    return { ...skipped, warning: `what is newer than ${chosen.id} is left out with it${howMuch(other, chosen)}` };
  }
  if (other.state === 'unsupported')
    return { ...skipped, warning: 'the older one and the WAL archive lead on past it' };
  return skipped;
}

/** By how much one backup is newer than the other, in words. */
function howMuch(newer: Backup, older: Backup): string {
  const ms = (timeOf(newer) ?? Number.NaN) - (timeOf(older) ?? Number.NaN);
  if (Number.isNaN(ms) || ms <= 0) return '';
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `: ${Math.round(ms / 1000)} s`;
  const days = Math.floor(minutes / (24 * 60));
  const hours = Math.floor((minutes / 60) % 24);
  const words = [`${days} d`, `${hours} h`, `${minutes % 60} min`].filter((word) => !word.startsWith('0 '));
  return `: ${words.slice(0, 2).join(' ')}`;
}

/** The backup of that id, or the only one of that name, good or not. `notFound` names the backups that there are. */
export function findBackup(backups: readonly Backup[], wanted: string): Backup {
  const named = backups.filter(({ name }) => name === wanted);
  const backup = backups.find(({ id }) => id === wanted) ?? named[0];
  if (!backup || (backup.id !== wanted && named.length > 1)) {
    const ids = (named.length > 1 ? named : backups).map(({ id, name }) =>
      name === undefined ? id : `${id} (${name})`,
    );
    const what = named.length > 1 ? `several backups are named '${wanted}'` : `no backup '${wanted}'`;
    throw new OdoError('notFound', `${what}; there are ${shorten(ids.reverse(), ', ')}`, {
      hint: 'choose one of them with --backup',
    });
  }
  return backup;
}

function chooseById(backups: readonly Backup[], wanted: string): Backup {
  const backup = findBackup(backups, wanted);
  if (backup.state !== 'complete') {
    throw new OdoError('backupIncomplete', `backup ${backup.id} cannot be restored: ${reasonOf(backup)}`, {
      hint: 'choose another backup, or leave --backup out to take the newest complete one',
    });
  }
  return backup;
}

/**
 * Whether a backup is newer, by its end, its beginning, or an id that is a time (in the zone of the server that made
 * it). An unknown time counts as newer.
 */
function isNewer(backup: Backup, since: string): boolean {
  const time = timeOf(backup);
  return time === undefined || time > Date.parse(since);
}

/** The time of a backup in milliseconds since 1970. */
function timeOf(backup: Backup): number | undefined {
  const stamp = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/.exec(backup.id);
  const fromId = stamp ? `${stamp[1]}-${stamp[2]}-${stamp[3]}T${stamp[4]}:${stamp[5]}:${stamp[6]}Z` : undefined;
  const time = Date.parse(backup.endTime ?? backup.beginTime ?? fromId ?? '');
  return Number.isNaN(time) ? undefined : time;
}

function reasonOf(backup: Backup): string {
  return `${backup.state}: ${backup.reason ?? 'no reason is known'}`;
}

function describeAll(backups: readonly Backup[]): string {
  return shorten(
    backups.map((backup) => `${backup.id} (${reasonOf(backup)})`),
    ', ',
  );
}

function shorten(words: readonly string[], separator: string): string {
  const rest = words.length - NAMED;
  return rest > 0 ? `${words.slice(0, NAMED).join(separator)} and ${rest} more` : words.join(separator);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
