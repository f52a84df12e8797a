import type { RecoveryState } from '../../cluster/recovery-state.ts';
import type { ContainerState } from '../../docker/client/container.ts';
import type { TooLow } from '../../postgres/configuration/required-settings.ts';
import type { Answer, ServerStatus, ServiceDatabase } from '../database/service-database.ts';

/**
 * What is done with a server that has paused. promote: it goes on, since it ends its recovery by itself · wait: nothing
 * more, at its target · resume: it goes on to its target, and from there out of recovery · end: it leaves recovery,
 * paused or not
 */
export type AtTarget = 'promote' | 'wait' | 'resume' | 'end';

/** The container in which the server recovers. An engine that does not answer is `dockerUnreachable`. */
export interface RecoveringServer {
  state(): Promise<ContainerState>;
  /** The end of what it has written to its log since a time; undefined where that cannot be read. */
  log(since: Date): Promise<string | undefined>;
  /** Stops it, if it runs, and starts it again. */
  restart(): Promise<void>;
}

/** The server's files. */
export interface RecoveringVolume {
  look(options?: { log?: boolean }): Promise<RecoveryState>;
  /** Raises what recovery demands more of than the server has. */
  raise(): Promise<TooLow[]>;
}

export interface Watched {
  server: RecoveringServer;
  database: Pick<ServiceDatabase, 'status' | 'promote' | 'resume' | 'processes'>;
  /** Not given where no container of ODO's works on the volume: then only the server itself can tell. */
  volume?: RecoveringVolume;
  /**
   * How long nothing may change: neither the server's files, nor its answers or its log, nor may it be seen at work.
   */
  stallTimeoutMs: number;
  atTarget: AtTarget;
  /** Of a server that never pauses by itself: whether it has come far enough to be left. */
  enough?: (status: ServerStatus) => boolean;
  /** Of a server that is to wait at a target: whether it has come to it, as far as its position tells. */
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
  /** Why the server itself did not say so, in its own words: then its files did. */
  unasked?: string;
}

/** What one look has shown. */
export interface Look {
  state: ContainerState;
  volume?: RecoveryState | undefined;
  answer?: Answer<ServerStatus> | undefined;
  log?: string | undefined;
}
