import { composeFlags } from '../../docker/compose/compose-call.ts';
import { type ErrorCode, OdoError } from '../../errors.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import { type Place, salvageDir } from '../../tree/places/place.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { ServiceRef, ServiceRequest } from '../contract/request.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';

/** Failures after which the same command may succeed, so that what is laid down is worth keeping. */
const RESUMABLE: ReadonlySet<ErrorCode> = new Set([
  'storeUnreachable',
  'accessDenied',
  'noSpace',
  'cancelled',
  'dockerUnreachable',
  'wouldNotStart',
  'bug',
]);

export function isResumable(error: OdoError): boolean {
  return RESUMABLE.has(error.code);
}

/** Adds what became of the staged files, and of the old data, to an error before the swap. */
export function withKeptStaging(
  error: OdoError,
  state: { kept: boolean; wiped: boolean; isVacant?: boolean; odoDir: string; removal: string },
): OdoError {
  const hints: string[] = [];
  if (state.wiped)
    hints.push('the old data was deleted beforehand (--wipe), so the service stays stopped until a restore succeeds');
  else if (state.isVacant)
    hints.push('there is no data in place, so the service stays stopped until a restore succeeds');
  if (state.kept)
    hints.push(
      `what was laid down is kept in ${state.odoDir}: the same command goes on from there, ${state.removal} removes it`,
    );
  return withHints(error, hints);
}

/** A failure after the swap: the old data is still there, and one command brings it back. */
export function withWayBack(
  error: OdoError,
  request: ServiceRequest,
  places: ClusterPlaces,
  { oldData = request.wipe ? 'deleted' : 'kept' }: { oldData?: LaidDown['oldData'] } = {},
): OdoError {
  if (oldData === 'deleted')
    return withHints(error, ['the old data was deleted beforehand (--wipe); run the same command again to start over']);
  if (oldData === 'none') return withHints(error, ['there was no old data; run the same command again to start over']);
  const command = commandFor('rollback', request);
  return withHints(error, [
    `the old data is kept in ${places.pgdata.odoDir}/previous; this brings it back: ${command}`,
  ]);
}

/** A failure while what the restore has left was being cleared away: the restore itself has succeeded. */
export function withLeftovers(
  error: OdoError,
  request: { serviceRef: ServiceRef; acceptLoss?: boolean },
  onlyCopy?: OnlyCopy,
): OdoError {
  // --accept-loss was said to this run alone, so the next command has to say it again.
  const command = `${commandFor('clean', request)}${request.acceptLoss ? ' --accept-loss' : ''}`;
  if (error.code === 'writeFailed') {
    return withHints(error, [
      'the server was promoted, but what it runs on may be gone at its next start: where there was old data, ' +
        'it is kept, and this brings it ' +
        `back: ${commandFor('rollback', request)}. When the disk is well and the data is right, this removes ` +
        `what is left: ${command}`,
    ]);
  }
  if (onlyCopy)
    return withHints(error, [
      `the restore itself has succeeded, the server was promoted; ${keptNote(onlyCopy, request)}`,
    ]);
  return withHints(error, [
    `the restore itself has succeeded, the server was promoted; this removes what is left of it: ${command}`,
  ]);
}

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
      'its log; the time of the last commit, and whether text sorts as on the original, could not be asked',
  ];
}

export function commandFor(
  name: 'rollback' | 'clean' | 'promote' | 'follow',
  request: { serviceRef: ServiceRef },
): string {
  const { volume, service, composeFiles, namedImage, ...call } = request.serviceRef;
  const words = ['odo', name, '-v', volume, '-n', service, ...composeFlags({ ...call, files: composeFiles })];
  if (namedImage !== undefined) words.push('--image', namedImage);
  return words.map(shellWord).join(' ');
}

/** Adds lines to what an error says of the next action. */
export function withHints(error: OdoError, more: readonly string[]): OdoError {
  if (more.length === 0) return error;
  const hint = [error.hint, ...more].filter((line) => line !== undefined).join('\n');
  return new OdoError(error.code, error.message, { hint, cause: error.cause ?? error });
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
