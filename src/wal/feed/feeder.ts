import type { WalArchive } from '../../formats/contract/format.ts';
import type { Room } from '../../tree/writing/room.ts';
import type { WalPlan } from '../plan/wal-plan.ts';
import type { FetchTally, WalSource } from './fetch-wal-file.ts';

/** What to feed a recovering server with. */
export interface FeedJob extends Omit<WalSource, 'roomOf'> {
  archive: WalArchive;
  plan: Extract<WalPlan, { source: 'archive' }>;
  /** The spool's directory; created here. */
  spool: string;
  /** How many bytes of WAL may wait in the spool; two segments at least. */
  spoolBytes: number;
  /**
   * Room on the disk, which others write to as well. Where there is none, only the files that the server waits for are
   * fetched.
   */
  room?: Room;
  /** Segments that an interrupted run left in the spool are whole and need not be fetched again. */
  reuse: boolean;
  /** A server is in the middle of its recovery already: nothing is fetched before it asks. */
  onlyOnRequest?: boolean;
  /** More may still follow where the archive ends: the end is not told before settleEnd(). */
  endIsOpen?: boolean;
  /** Told what has been done. It hears nothing of a segment that is fetched a second time. */
  tally: FetchTally & { segment(): void; reusedSegment(sizeBytes: number): void };
  /** Told what a person should know. */
  warn(message: string): void;
}

/** Fetches WAL beside a recovering server. */
export interface Feeder {
  /**
   * Resolves when the first `count` segments lie in the spool, or as many as it can hold or there are. `noSpace` when
   * the disk does not hold them.
   */
  fed(count: number): Promise<void>;
  /** Called when the base backup is laid down: all connections are the feeder's from now on. */
  takeAllConnections(): void;
  /** The last segment that the server has taken. */
  lastTaken(): string | undefined;
  /**
   * Called when the continuation of the archive is there, or when there is none. The walk goes on from where it had
   * come to the end.
   */
  settleEnd(): void;
  /** Rejects as soon as feeding has failed for good; resolves when it was stopped. */
  readonly over: Promise<void>;
  /** Ends the feeding for good, for a reason that the feeder cannot see itself. */
  fail(error: unknown): void;
  /**
   * Ends all work. A server that still recovers is stopped by its next request, with a fault.
   * @param options forAnother: the server waits for another feeder instead, for SILENCE_MS at most
   */
  stop(options?: { forAnother?: boolean }): Promise<void>;
}
