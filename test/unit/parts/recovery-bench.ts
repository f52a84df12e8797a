import type { RecoveryState } from '../../../src/cluster/recovery-state.ts';
import type { ContainerState } from '../../../src/docker/client/container.ts';
import { OdoError } from '../../../src/errors.ts';
import type { OdoEvent } from '../../../src/events.ts';
import type { Answer, ServerStatus } from '../../../src/restore/database/service-database.ts';
import { watchRecovery } from '../../../src/restore/recovery/watch-recovery.ts';
import type { Watched } from '../../../src/restore/recovery/watched.ts';

export const SETTINGS = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

export const RUNNING: ContainerState = {
  running: true,
  restarting: false,
  exitCode: 0,
  restartCount: 0,
  startedAt: new Date('2026-11-21T10:00:00Z'),
  oomKilled: false,
};

const CONTROL: NonNullable<RecoveryState['control']> = {
  state: 'in archive recovery',
  checkpointLsn: '0/3000000',
  redoLsn: '0/3000000',
  timeline: 1,
  settings: SETTINGS,
};
export const RECOVERING: RecoveryState = {
  ended: false,
  serverStatus: 'standby',
  control: CONTROL,
  preparedTransactions: 0,
  sign: 'as it was',
};
export const ENDED: RecoveryState = {
  ...RECOVERING,
  ended: true,
  serverStatus: 'ready',
  control: { ...CONTROL, state: 'in production' },
  timeline: 2,
  endLsn: '0/5000028',
};

export const answers = (status: Partial<ServerStatus>): Answer<ServerStatus> => ({
  ready: true,
  value: { inRecovery: true, replayPaused: false, ...status },
});
export const PROMOTED = answers({ inRecovery: false, timeline: 2, replayLsn: '0/5000028' });
export const NOT_YET: Answer<ServerStatus> = {
  ready: false,
  refused: false,
  reason: 'FATAL:  the database system is starting up',
};
export const REFUSED: Answer<ServerStatus> = {
  ready: false,
  refused: true,
  reason: 'FATAL:  password authentication failed for user "postgres"',
};
export const unreachable = () =>
  new OdoError('dockerUnreachable', 'cannot look at container db: Docker cannot be reached');

/** What is seen at one look; what is not given is as it was before. An error is thrown by whoever is asked. */
export interface Moment {
  state?: Partial<ContainerState> | Error;
  volume?: RecoveryState | Error;
  answer?: Answer<ServerStatus> | Error;
  log?: string | undefined;
  processes?: string;
  /** What raising settings fails with. */
  raise?: Error | undefined;
  /** For so many milliseconds; one look when not given. */
  forMs?: number;
}

/** Plays moments to a watcher, on a clock of its own; the last one stays. */
export function playRecovery(moments: Moment[], more: Partial<Watched> = {}, signal = new AbortController().signal) {
  const calls: string[] = [];
  const events: OdoEvent[] = [];
  let timeMs = 0;
  let at = 0;
  let until = moments[0]?.forMs ?? 0;
  const now: Required<Omit<Moment, 'forMs'>> = {
    state: RUNNING,
    volume: RECOVERING,
    answer: NOT_YET,
    log: '',
    processes: '',
    raise: undefined,
  };
  const take = () => Object.assign(now, moments[at], { forMs: undefined });
  take();
  const give = <T>(value: T | Error): T => {
    if (value instanceof Error) throw value;
    return value;
  };
  let raised: Awaited<ReturnType<NonNullable<Watched['volume']>['raise']>> = [];
  const outcome = watchRecovery(
    {
      server: {
        state: async () => ({ ...RUNNING, ...give(now.state) }),
        log: async () => now.log,
        restart: async () => void calls.push('restart'),
      },
      database: {
        status: async () => {
          calls.push('status');
          return give(now.answer);
        },
        promote: async () => void calls.push('promote'),
        resume: async () => void calls.push('resume'),
        processes: async () => now.processes,
      },
      volume: {
        look: async () => give(now.volume),
        raise: async () => {
          calls.push('raise');
          if (now.raise) throw now.raise;
          const settings = give(now.volume).control?.settings;
          const needed = settings?.max_connections ?? 0;
          raised = needed > 100 ? [{ name: 'max_connections', has: 100, needed }] : [];
          return raised;
        },
      },
      stallTimeoutMs: 600_000,
      atTarget: 'promote',
      clock: {
        now: () => timeMs,
        async sleep(ms) {
          await Promise.resolve();
          timeMs += ms;
          if (timeMs < until || at + 1 >= moments.length) return;
          at++;
          until = timeMs + (moments[at]?.forMs ?? 0);
          take();
        },
      },
      ...more,
    },
    (event) => events.push(event),
    signal,
  );
  const notes = () => events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  return { outcome, calls, notes, events, timeMs: () => timeMs };
}
