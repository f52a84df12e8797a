import { spellMoment } from '../../postgres/configuration/target-time.ts';
import { type Place, salvageDir } from '../../tree/places/place.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { ServiceRef } from '../contract/request.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import { commandFor } from './odo-command.ts';

// What receipts say to the person, beside their figures.

/** The notes of a receipt on WAL that only the old data had. */
export function salvageNotes(salvage: Salvage | undefined): string[] {
  if (!salvage) return [];
  const { segments, firstSegment, commits, lastCommitTime } = salvage;
  const last = lastCommitTime === undefined ? '' : `, the last of ${spellMoment(lastCommitTime)}`;
  return [
    `${commits} ${commits === 1 ? 'commit' : 'commits'}${last}, came from the old data's WAL (${segments} ` +
      `${segments === 1 ? 'segment' : 'segments'} from ${firstSegment} on), which no archive has`,
  ];
}

/** The note on old data that was kept although nobody asked for that. */
export function keptNote({ because }: OnlyCopy, request: { serviceRef: ServiceRef }): string {
  return (
    `the old data is kept, since it is the only copy: ${because}; ${commandFor('rollback', request)} goes back ` +
    `to it, ${commandFor('clean', request)} --accept-loss removes it for good`
  );
}

/** The note on WAL that was set aside and that nothing else has. */
export function keptSalvageNote(pgdata: Place, request: { serviceRef: ServiceRef }): string {
  return (
    `WAL of old data, which nothing else has, is kept in ${salvageDir(pgdata)}: a restore to the end of the ` +
    `archive goes on with it; ${commandFor('clean', request)} --accept-loss removes it for good`
  );
}

/** The notes of a receipt on a server that could not be asked. */
export function unaskedNotes(words: string, waits: boolean): string[] {
  const reached = waits ? 'that it waits where it is to wait' : 'that it has recovered and was promoted';
  return [
    `the server answers ODO nothing (${words.replaceAll('\n', ' ')}): ${reached} was read from its files and ` +
      'its log; the time of the last commit, whether text sorts as on the original, and whether every relation ' +
      'has its files, could not be asked',
  ];
}

/** Notes on ODO's settings that could not be taken out again, for the person. */
export function leftSettingsNotes(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [
    `postgresql.auto.conf still sets ${names.join(', ')}, which ODO had set for the recovery and somebody ` +
      'has changed since: look at them, and take out what is not wanted (ALTER SYSTEM RESET …)',
  ];
}

/** The notes on whether the restored server archives, and on what makes its archive whole again. */
export function archivingNotes(found: {
  configured: boolean;
  keepOff: boolean;
  ownWord: boolean;
  keepArchiving: boolean;
}): string[] {
  const { configured, keepOff, ownWord, keepArchiving } = found;
  if (keepArchiving) {
    if (!configured) return [];
    return [
      'archiving is on, as --archive-mode keep says: see that archive_command does not lead into the ' +
        "original's archive",
      newBackupDue('now'),
    ];
  }
  if (!keepOff && !ownWord) return [];
  const how = ownWord
    ? 'the replaced postgresql.auto.conf has its own word on it, which takes effect with the next restart'
    : 'to turn it on: ALTER SYSTEM SET archive_mode = on, then restart the service';
  return [
    `archiving is off, so that the restored copy does not write into the original's archive; ${how}`,
    newBackupDue('once archiving is on'),
  ];
}

/**
 * The note on what makes the archive of a restored server whole again, and why.
 * @param when a word for people
 */
export function newBackupDue(when: string): string {
  return (
    `take a new base backup ${when}: the server goes on on a timeline of its own, and what it writes before it ` +
    'archives is in no archive, so that the older backups may not lead to it'
  );
}
