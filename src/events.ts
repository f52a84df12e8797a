import type { ErrorReport } from './errors.ts';

/** The steps of a restore in their order, then the steps of other commands. */
export type Phase =
  | 'prove'
  | 'stop'
  | 'lay-down'
  | 'wal'
  | 'verify'
  | 'sync'
  | 'rehearse'
  | 'swap'
  | 'start'
  | 'recover'
  | 'check'
  | 'clean'
  | 'post-sql'
  | 'list'
  | 'follow'
  | 'read-image'
  | 'load-image'
  | 'try-image';

/**
 * `held`: true. `failed`: a restore must not start. `unjudged`: nothing could be found out, and safety does not need
 * it. `warning`: true but unwelcome.
 */
export type ProofState = 'held' | 'failed' | 'unjudged' | 'warning';

/** One preflight check with its evidence. */
export interface Proof {
  /** Short and stable, such as `backup complete` or `free space`. */
  name: string;
  state: ProofState;
  /** The findings: numbers, names. */
  evidence: string;
  /** Why a restore must not start, for state 'failed'. */
  error?: ErrorReport;
}

/** Something per second. */
export interface Rate {
  /** Over the last few seconds. */
  current: number;
  /** Since the phase began. */
  mean: number;
}

/** How far a phase is. Fields that are not known are absent. The rates and etaMs are absent until they can be known. */
export interface Progress {
  phase: Phase;
  /** Bytes read from the store; in the phase `verify`, from the laid-down files. */
  readBytes?: number;
  /** Bytes that the phase reads in all. */
  totalBytes?: number;
  /** The part of readBytes that an interrupted run had done, and that is not read again. */
  skippedBytes?: number;
  /** Bytes written to disk. */
  writtenBytes?: number;
  /** Bytes that the phase writes in all, as far as the backup tells. */
  totalWrittenBytes?: number;
  files?: number;
  totalFiles?: number;
  /** WAL segments fetched so far. */
  segments?: number;
  /** WAL segments to fetch in all. */
  totalSegments?: number;
  /** The WAL segment that the recovering server has taken last. */
  walSegment?: string;
  /** The last LSN replayed. Before the server answers: the beginning of walSegment. */
  replayLsn?: string;
  /** Time of the last commit replayed (ISO 8601). */
  replayTime?: string;
  /**
   * The end of the WAL to replay: a target, or the end of the last segment that the archive holds. Within that segment,
   * the records may end earlier.
   */
  endLsn?: string;
  /** Bytes of WAL to replay in all, from the first segment to endLsn. */
  replayBytes?: number;
  /** Bytes of WAL still to be replayed, from replayLsn to endLsn. */
  lagBytes?: number;
  lagSegments?: number;
  readBytesPerSecond?: Rate;
  writtenBytesPerSecond?: Rate;
  replayedBytesPerSecond?: Rate;
  /** How long the rest of the phase takes at the rate of the last minute. */
  etaMs?: number;
}

/** An event of the core while it works. The renderers in cli/ make text or NDJSON of it. No event holds a secret. */
export type OdoEvent =
  | { type: 'phase'; phase: Phase; state: 'started' }
  | { type: 'phase'; phase: Phase; state: 'finished' | 'failed'; elapsedMs: number }
  | ({ type: 'proof' } & Proof)
  | ({ type: 'progress' } & Progress)
  | { type: 'note'; level: 'info' | 'warning'; message: string }
  | ({ type: 'error' } & ErrorReport);

export type Report = (event: OdoEvent) => void;

/** Runs one phase between its two events. */
export async function inPhase<T>(report: Report, phase: Phase, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const tellEnd = (state: 'finished' | 'failed') =>
    report({ type: 'phase', phase, state, elapsedMs: Math.round(performance.now() - startedAt) });
  report({ type: 'phase', phase, state: 'started' });
  try {
    const result = await work();
    tellEnd('finished');
    return result;
  } catch (error) {
    tellEnd('failed');
    throw error;
  }
}
