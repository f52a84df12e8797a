import fs from 'node:fs';
import path from 'node:path';
import { type Ancestor, ancestryIn, isSamePath, pathTo } from '../../cluster/ancestry.ts';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import { holdsOwnObjects } from '../../cluster/own-objects.ts';
import { readControl, readControlFile } from '../../cluster/read-control-file.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { currentTimeline, type PgControl } from '../../postgres/files/pg-control.ts';
import { formatLsn, parseLsn } from '../../postgres/terms/wal-names.ts';
import { readJournal } from '../../tree/exchange/journal.ts';
import { type Place, previousDir } from '../../tree/places/place.ts';
import { lastWritten } from '../../wal/archive/last-written.ts';
import { readBeyond } from '../../wal/archive/read-beyond.ts';
import type { Accounted, OldDataQuestion, OldDataSurvey } from '../contract/old-data-survey.ts';
import { lookAtVolume, oldDataDirectory } from './look-at-volume.ts';

/**
 * Looks at the old data, wherever it is, for what nothing else has. Gives undefined when there is no old data. Changes
 * nothing.
 * Errors: `dataCorrupt` when its control file cannot be read, or that of the restored server.
 */
export async function surveyOldData(place: Place, question: OldDataQuestion): Promise<OldDataSurvey | undefined> {
  const directory = question.isSetAside ? previousDir(place) : whereOldDataIs(place, question.isReplaced);
  if (directory === undefined || !isOfCluster(directory)) return undefined;
  const control = demandControl(directory);
  const { systemIdentifier } = control;
  const timeline = currentTimeline(control);
  const whose = { systemIdentifier, timeline, holdsObjects: holdsOwnObjects(directory, control.blockSizeBytes) };
  const isReplaced = question.isReplaced && !question.isSetAside;
  if (isReplaced && demandControl(place.root).systemIdentifier !== systemIdentifier)
    return { ...whose, isOfAnother: true };
  if (question.whoseOnly) return whose;
  const wal = path.join(directory, 'pg_wal');
  const ancestors = pathTo(wal, timeline);
  const accounted = [...question.accounted, ...(isReplaced ? ownPast(place, timeline, ancestors) : [])];
  const known = endOf(accounted, timeline);
  // Of a timeline that the archive knows by its history alone, nothing is accounted for.
  const knownEnd = known === 0n ? undefined : known;
  const began = knownEnd === undefined ? ancestors.at(-1) : undefined;
  const isOfArchive = known !== undefined && ancestors.length > 0;
  const survey = { ...whose, ...(began ? { began } : {}), ...(isOfArchive ? { path: ancestors } : {}) };
  // When the old data has a timeline of its own, all before its beginning came from the archive, as far as that goes.
  const reaches =
    began &&
    (question.isSetAside ? isArchives(place, began) : (endOf(accounted, began.timeline) ?? 0n) >= parseLsn(began.lsn));
  const from = reaches ? parseLsn(began.lsn) : knownEnd;
  if (from === undefined) return survey;
  const fromLsn = formatLsn(from);
  const { checkpointLsn, minRecoveryLsn = '0/0', walSegmentSizeBytes: segmentSizeBytes } = control;
  const owner = { systemIdentifier, timeline, checkpointLsn, minRecoveryLsn, segmentSizeBytes };
  const common = question.isReplaced || began ? undefined : await lastWritten(wal, owner, fromLsn);
  return { ...survey, fromLsn, beyond: await readBeyond(wal, owner, fromLsn), ...(common ? { common } : {}) };
}

/** The timelines that the restored server came by, without one that only shares its number with the old data's. */
function ownPast(place: Place, timeline: number, ancestors: readonly Ancestor[]): Ancestor[] {
  const own = ancestryIn(path.join(place.root, 'pg_wal'));
  const at = own.findIndex((one) => one.timeline === timeline);
  return at < 0 || isSamePath(own.slice(0, at), ancestors) ? own : own.filter((one) => one.timeline !== timeline);
}

/** Whether an ancestor's timeline came with the restore, and not from a promotion since. */
function isArchives({ odoDir }: Place, { timeline }: Ancestor): boolean {
  return timeline <= (readJournal(odoDir)?.lastTimeline ?? 0);
}

/** The position up to which a timeline is accounted for; undefined when nothing of it is. */
function endOf(accounted: readonly Accounted[], timeline: number): bigint | undefined {
  const ends = accounted.filter((one) => one.timeline === timeline).map(({ lsn }) => parseLsn(lsn));
  return ends.length === 0 ? undefined : ends.reduce((one, other) => (one > other ? one : other));
}

/** Finds the old data, if its control file can be read. */
export function findOldData(place: Place, isReplaced: boolean): { directory: string; control: PgControl } | undefined {
  const directory = whereOldDataIs(place, isReplaced);
  const control = directory === undefined ? undefined : readControl(directory);
  return directory !== undefined && control ? { directory, control } : undefined;
}

/**
 * Whether a directory holds a cluster. Without any of these names, it holds at most files that are mounted into the
 * place.
 */
function isOfCluster(directory: string): boolean {
  return ['PG_VERSION', 'global', 'base', 'pg_wal', 'pg_xact'].some((name) =>
    fs.existsSync(path.join(directory, name)),
  );
}

/**
 * Where the old data is. Content that a restore has put in place, and content that is being deleted, does not count.
 */
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
