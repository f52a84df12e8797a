import path from 'node:path';
import { asOdoError, OdoError } from '../errors.ts';
import { isOff } from '../postgres/configuration-file.ts';
import type { PgControl } from '../postgres/pg-control.ts';
import { formatLsn, parseLsn } from '../postgres/wal-names.ts';
import type { Place } from '../target/place.ts';
import { lastWritten, type WrittenSegment } from '../wal/last-written.ts';
import { readBeyond, type WalBeyond } from '../wal/read-beyond.ts';
import { ancestryIn } from './ancestry.ts';
import { CONTROL_FILE } from './base-members.ts';
import type { RaiseFacts } from './engine.ts';
import { lookAtVolume, oldDataDirectory } from './look-at-volume.ts';
import { archivingConfigured } from './raise-settings.ts';
import { readControl, readControlFile } from './read-control-file.ts';

/** Up to where the WAL of a timeline is to be had without the old data. */
export interface Accounted {
  timeline: number;
  lsn: string;
}

/** What is asked of the old data. */
export interface OldDataQuestion {
  /** Of all timelines that the archive has anything of. */
  accounted: Accounted[];
  /** The restored server is in place and out of recovery: its own history tells what it has, and the old data is in `previous`. */
  isReplaced: boolean;
  facts: RaiseFacts;
}

/** What the old data holds beyond that, as plain JSON. */
export interface OldDataSurvey {
  systemIdentifier: string;
  timeline: number;
  /** Its configuration turns archiving on; undefined when not all of it can be seen. */
  archives?: boolean;
  /** Absent when nothing is accounted for of its timeline. */
  fromLsn?: string;
  beyond?: WalBeyond;
  /** Before the restore: its last segment that the archive may have as well. */
  common?: WrittenSegment;
}

/**
 * Looks at the old data, where it is, for what nothing else has; undefined when there is none, or it is of another cluster than the restored server
 * in its place. Nothing is changed. Errors: dataCorrupt when there is some of which nothing can be told, since its control file cannot be read, or
 * that of the restored server.
 */
export async function surveyOldData(place: Place, question: OldDataQuestion): Promise<OldDataSurvey | undefined> {
  const directory = whereOldDataIs(place, question.isReplaced);
  if (directory === undefined) return undefined;
  const control = demandControl(directory);
  if (question.isReplaced && demandControl(place.root).systemIdentifier !== control.systemIdentifier) return undefined;
  const { systemIdentifier, timeline, checkpointLsn } = control;
  const own = question.isReplaced ? ancestryIn(path.join(place.root, 'pg_wal')) : [];
  const known = [...question.accounted, ...own].filter((one) => one.timeline === timeline).map(({ lsn }) => parseLsn(lsn));
  const archives = archivesIn(directory, place, question.facts);
  const survey = { systemIdentifier, timeline, ...(archives === undefined ? {} : { archives }) };
  if (known.length === 0) return survey;
  const fromLsn = formatLsn(known.reduce((one, other) => (one > other ? one : other)));
  const owner = { systemIdentifier, timeline, checkpointLsn, segmentSizeBytes: control.walSegmentSizeBytes };
  const wal = path.join(directory, 'pg_wal');
  const common = question.isReplaced ? undefined : await lastWritten(wal, owner, fromLsn);
  return { ...survey, fromLsn, beyond: await readBeyond(wal, owner, fromLsn), ...(common ? { common } : {}) };
}

/** Old data, as far as anything can be told of it. */
export function findOldData(place: Place, isReplaced: boolean): { directory: string; control: PgControl } | undefined {
  const directory = whereOldDataIs(place, isReplaced);
  const control = directory === undefined ? undefined : readControl(directory);
  return directory !== undefined && control ? { directory, control } : undefined;
}

/** What a restore has put in place, and what is being deleted, is no old data. */
function whereOldDataIs(place: Place, isReplaced: boolean): string | undefined {
  const directory = oldDataDirectory(place, lookAtVolume(place));
  return isReplaced && directory === place.root ? undefined : directory;
}

function demandControl(dataDirectory: string): PgControl {
  try {
    return readControlFile(dataDirectory);
  } catch (error) {
    const file = path.join(dataDirectory, CONTROL_FILE);
    throw new OdoError('dataCorrupt', `${file} cannot be read: ${asOdoError(error).message}`, { cause: error });
  }
}

function archivesIn(directory: string, { odoDir }: Place, facts: RaiseFacts): boolean | undefined {
  const told = facts.commandLine.archive_mode;
  if (told !== undefined) return !isOff(told);
  try {
    return archivingConfigured({ root: directory, odoDir }, facts);
  } catch {
    return undefined;
  }
}
