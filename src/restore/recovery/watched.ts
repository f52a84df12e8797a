import type { RecoveryState } from '../../cluster/recovery-state.ts';
import type { ContainerState } from '../../docker/client/container.ts';
import type { TooLow } from '../../postgres/configuration/required-settings.ts';
import type { Answer, ServerStatus, ServiceDatabase } from '../database/service-database.ts';

/**
 * What is done with a server that has paused.
 * - promote: it goes on, since it ends its recovery by itself.
 * - wait: it stays paused, if it is at its target.
 * - resume: it goes on to its target, and from there out of recovery.
 * - end: it leaves recovery, paused or not.
 */
export type AtTarget = 'promote' | 'wait' | 'resume' | 'end';

/**
 * The container in which the server recovers.
 * Errors: `dockerUnreachable` when the engine does not answer.
 */
export interface RecoveringServer {
  state(): Promise<ContainerState>;
  /** The end of the server's log since a time; undefined when the log cannot be read. */
  log(since: Date): Promise<string | undefined>;
  /** Stops the server, if it runs, and starts it again. */
  restart(): Promise<void>;
}

/** The server's files. */
export interface RecoveringVolume {
  look(options?: { log?: boolean }): Promise<RecoveryState>;
  /** Raises settings of which recovery demands more than the server has. */
  raise(): Promise<TooLow[]>;
}

export interface Watched {
  server: RecoveringServer;
  database: Pick<ServiceDatabase, 'status' | 'promote' | 'resume' | 'processes'>;
  /** Not given where no container of ODO's works on the volume: then only the server itself can tell. */
  volume?: RecoveringVolume;
  /**
   * How long there may be no sign of life: no change of the server's files, answers or log, and no work of its
   * processes.
   */
  stallTimeoutMs: number;
  atTarget: AtTarget;
  /** Whether a server that never pauses by itself has come far enough to be left. */
  enough?: (status: ServerStatus) => boolean;
  /** Whether a server that is to wait has come to its target, as far as its position tells. */
  isAtTarget?: (status: ServerStatus) => boolean | undefined;
  /** The time, for tests. */
  clock?: Clock;
}

export interface Clock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** How a recovery has ended, or where it waits. */
export interface Recovered extends ServerStatus {
  /** Why the server itself did not tell, in its own words. Its files told then. */
  unasked?: string;
}

/** What one look has shown. */
export interface Look {
  state: ContainerState;
  volume?: RecoveryState | undefined;
  answer?: Answer<ServerStatus> | undefined;
  log?: string | undefined;
}
