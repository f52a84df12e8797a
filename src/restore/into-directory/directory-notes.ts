import fs from 'node:fs';
import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { previousDir } from '../../tree/places/place.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { newBackupDue } from '../outcome/receipt-notes.ts';

/** Notes on a directory that no server has seen yet. */
export function directoryNotes(places: ClusterPlaces, keepArchiving: boolean, moment: Moment | undefined): string[] {
  const notes = [
    `start a PostgreSQL server on ${places.pgdata.root}: ${whatItDoes(moment)}`,
    keepArchiving
      ? 'archiving is as the configuration has it: if it is on, see that the copy does not write where the ' +
        'original archives'
      : 'archiving is off in the restored copy; to turn it on: ALTER SYSTEM SET archive_mode = on, then restart',
    newBackupDue('once archiving is on'),
  ];
  const previous = previousDir(places.pgdata);
  if (fs.existsSync(previous))
    notes.push(`what was there before is kept in ${previous}; remove it once the restored server is right`);
  return notes;
}

function whatItDoes(moment: Moment | undefined): string {
  const then = 'is then promoted, and clears the fetched WAL away';
  if (!moment) return `it recovers to the end of the WAL, ${then}`;
  const words = targetWords(moment);
  switch (moment.action) {
    case 'promote':
      return `it recovers to ${words}, ${then}`;
    case 'pause':
      return (
        `it recovers to ${words} and waits there, read-only; select pg_wal_replay_resume() ends its recovery, ` +
        `and it ${then}`
      );
    case 'shutdown':
      return (
        `it recovers to ${words} and shuts down there, at each start; with recovery_target_action = 'promote' ` +
        `in postgresql.auto.conf it ${then}`
      );
  }
}
