import type { ContainerState } from '../../docker/client/container.ts';
import { OdoError } from '../../errors.ts';
import { reasonIn, toldToStop } from './server-log.ts';

const SILENT = 'it wrote nothing to its log';

export function recoveryFailed(exitCode: number, log: string): OdoError {
  return new OdoError(
    'recoveryFailed',
    `the server stopped during recovery (status ${exitCode}):\n  ${reasonIn(log) || SILENT}`,
  );
}

/** The error for a server that was told to stop, or killed, and that nobody has started again. */
export function notBack({ exitCode, oomKilled }: ContainerState, log: string): OdoError {
  const how = oomKilled
    ? 'was killed for want of memory'
    : exitCode === 0 || toldToStop(log)
      ? 'was stopped by somebody else'
      : 'was killed by somebody else';
  return new OdoError(
    'recoveryFailed',
    `the server ${how} during recovery (status ${exitCode}):\n  ${reasonIn(log) || SILENT}`,
    {
      hint: oomKilled
        ? 'give it more memory, or less shared_buffers (--set), and run the same command again'
        : 'see what stops it (another terminal, a scheduled job, a watchdog), and run the same command again',
    },
  );
}

/** The error for a server whose container is gone. `cause` is what the engine says. */
export function removedMeanwhile(cause: OdoError): OdoError {
  return new OdoError('recoveryFailed', `the server's container was removed during recovery: ${cause.message}`, {
    hint:
      'see who has removed it or made it anew (docker compose down, or up after a change of the compose file), ' +
      'and run the same command again',
    cause,
  });
}

export function restartedTooOften(times: number): OdoError {
  return new OdoError(
    'recoveryFailed',
    `the server was restarted ${times} times by somebody else, and so its recovery comes no farther`,
    {
      hint: 'end what restarts it (a watchdog that minds the health check: autoheal, say) for the time of the restore',
    },
  );
}

export function promotionNotSeen(stallTimeoutMs: number, reason: string): OdoError {
  return new OdoError(
    'promotionNotSeen',
    `the server made no progress for ${Math.round(stallTimeoutMs / 1000)} s: ${reason}`,
    {
      hint: 'the server is left running; look at its log',
    },
  );
}

/** The error for a pause at an unknown place: only a login or the log tells where a server has paused. */
export function unknownPause(refusal: string): OdoError {
  return new OdoError(
    'promotionNotSeen',
    'the server has come to rest in its recovery, but whether at the target cannot be known: its log cannot ' +
      `be read, and it turns ODO down: ${refusal}`,
    {
      hint: 'a pg_hba.conf that lets the local user postgres in (--pg-hba) makes it known; the server is left running',
    },
  );
}

export function neverPaused(refusal: string): OdoError {
  return new OdoError(
    'promotionNotSeen',
    'whether the server waits at its target cannot be known, so it is not promoted: its log cannot be read, ' +
      `and it turns ODO down: ${refusal}`,
    { hint: 'let the local user postgres in (pg_hba.conf), and run the same command again' },
  );
}
