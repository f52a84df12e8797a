import { type ErrorCode, OdoError } from '../../errors.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { ServiceRef, ServiceRequest } from '../contract/request.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import { commandFor } from './odo-command.ts';
import { keptNote } from './receipt-notes.ts';

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
  request: Pick<ServiceRequest, 'serviceRef'> & { wipe?: boolean },
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

/** Adds lines to what an error says of the next action. */
export function withHints(error: OdoError, more: readonly string[]): OdoError {
  if (more.length === 0) return error;
  const hint = [error.hint, ...more].filter((line) => line !== undefined).join('\n');
  return new OdoError(error.code, error.message, { hint, cause: error.cause ?? error });
}
