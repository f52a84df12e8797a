import { OdoError } from '../../errors.ts';
import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { parseMicros } from '../../postgres/terms/timestamp.ts';
import { parseLsn } from '../../postgres/terms/wal-names.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { ServiceRef } from '../contract/request.ts';
import type { ServerStatus } from '../database/service-database.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import { composeCallOf, composeCommand } from './compose-command.ts';
import { withHints } from './failure-hints.ts';
import { commandFor } from './odo-command.ts';
import type { MomentReport, Reached } from './receipt.ts';

/** What a receipt says of the moment. */
export function momentReport(moment: Moment, source: RestoreSource, outcome: MomentReport['outcome']): MomentReport {
  const stop = source.moment?.stop;
  return { asked: moment, words: targetWords(moment), outcome, ...(stop ? { stop } : {}) };
}

/**
 * Holds what the server reached against what was asked. PostgreSQL itself refuses to end recovery before the target. So
 * a difference means a server that somebody else promoted on the way, or recovery settings that were overridden.
 * Errors: `recoveryFailed` when the server reached another place.
 */
export function demandReached(moment: Moment, source: RestoreSource, reached: Reached): void {
  const { target, exclusive } = moment;
  const { lsn, lastCommitTime } = reached;
  const isBefore = (position: string) => lsn !== undefined && parseLsn(lsn) < parseLsn(position);
  const tooLate =
    target.kind === 'time' &&
    lastCommitTime !== undefined &&
    (exclusive
      ? parseMicros(lastCommitTime) >= parseMicros(target.time)
      : parseMicros(lastCommitTime) > parseMicros(target.time));
  const stop = source.moment?.stop?.lsn;
  const isAtRecord = !exclusive && (target.kind === 'xid' || target.kind === 'name');
  const tooEarly =
    (target.kind === 'lsn' && !exclusive && isBefore(target.lsn)) ||
    (isAtRecord && stop !== undefined && (isBefore(stop) || lsn === stop));
  if (!tooLate && !tooEarly) return;
  throw new OdoError(
    'recoveryFailed',
    `recovery was to stop at ${targetWords(moment)}, and stopped at ${lsn ?? 'an unknown position'}, last ` +
      `commit ${lastCommitTime ?? 'unknown'}`,
    { hint: 'see in the log of the service what promoted it, or which settings it ran with' },
  );
}

/** Between the end of a record and the beginning of the next there may be a page's header. */
const BETWEEN_RECORDS_BYTES = 64n;

/**
 * Whether a paused server can be at its target; undefined when positions do not tell. A server that has paused before
 * its target (somebody has paused it, or it has too little of a setting) has a state that nobody asked for.
 */
export function isAtTarget(
  { target, exclusive }: Moment,
  source: RestoreSource,
): (status: ServerStatus) => boolean | undefined {
  const stop = target.kind === 'lsn' ? target.lsn : source.moment?.stop?.lsn;
  return ({ replayLsn }) => {
    if (stop === undefined || replayLsn === undefined) return undefined;
    const position = parseLsn(replayLsn);
    const isBehindRecord = !exclusive && (target.kind === 'xid' || target.kind === 'name');
    return isBehindRecord ? position > parseLsn(stop) : position + BETWEEN_RECORDS_BYTES >= parseLsn(stop);
  };
}

/** Puts PostgreSQL's two refusals around targets in words, with what to try next. */
export function explainTarget(error: OdoError, moment: Moment, source: RestoreSource): OdoError {
  if (error.code !== 'recoveryFailed') return error;
  const { olderBackup, stop } = source.moment ?? {};
  const words = targetWords(moment);
  const older = olderBackup === undefined ? [] : [`an older backup begins earlier: --backup ${olderBackup}`];
  if (/recovery ended before configured recovery target was reached/.test(error.message)) {
    const last = /last completed transaction was at log time ([^\n]+)/.exec(error.message)?.[1]?.trim();
    const until =
      last === undefined ? 'no transaction was replayed' : `the last transaction that was replayed is of ${last}`;
    const why = stop
      ? `the archive has it at ${stop.lsn}, so WAL before that is damaged or was not the same any more`
      : until;
    const message =
      `recovery came to the end of the WAL before ${words} was reached: ` + `${stop ? `${until}; ${why}` : why}`;
    const hints = ['choose an earlier target, or none to restore all that is there', ...older];
    return withHints(new OdoError('recoveryFailed', message, { cause: error }), hints);
  }
  if (/requested recovery stop point is before consistent recovery point/.test(error.message)) {
    const message = `${words} lies before the moment at which backup ${source.backup.id} is consistent`;
    return withHints(
      new OdoError('recoveryFailed', message, { cause: error }),
      older.length > 0 ? older : ['choose a later target'],
    );
  }
  return error;
}

/** How to go on with a server that waits at its target, or was shut down there. */
export function waitingNotes(
  request: { serviceRef: ServiceRef; laidDown?: { oldData?: LaidDown['oldData'] } },
  outcome: 'paused' | 'shut down',
): string[] {
  const { oldData = 'kept' } = request.laidDown ?? {};
  const { service } = request.serviceRef;
  const compose = composeCommand(composeCallOf(request.serviceRef));
  const look = `${compose} exec -u postgres ${service} psql`;
  return [
    outcome === 'paused'
      ? `the server waits at the target and answers read-only: ${look}`
      : `the server has shut down at the target; started again (${compose} start ${service}) it recovers to it ` +
        'and waits there, read-only',
    `to take this state: ${commandFor('promote', request)}`,
    'another moment: the restore command again with another ' +
      `target${oldData === 'kept' ? '; it first puts the old data back' : ''}`,
    wayBackNote(oldData, request),
  ];
}

/** How to go back from a server that waits; what was deleted is not promised. */
export function wayBackNote(oldData: NonNullable<LaidDown['oldData']>, request: { serviceRef: ServiceRef }): string {
  if (oldData === 'deleted') return 'there is no way back: the old data was deleted beforehand (--wipe)';
  if (oldData === 'none') return 'there is no way back: there was no data before';
  return `to go back to the old data: ${commandFor('rollback', request)}`;
}
