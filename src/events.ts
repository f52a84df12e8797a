import type { ErrorReport } from './errors.ts';

/** The steps of a restore, in their order. */
export type Phase =
  | 'prove'
  | 'stop'
  | 'lay-down'
  | 'wal'
  | 'verify'
  | 'sync'
  | 'swap'
  | 'start'
  | 'recover'
  | 'check'
  | 'clean'
  | 'post-sql';

/** held: true · failed: a restore must not start · unjudged: nothing could be found out, and it is not needed for safety · warning: true but unwelcome */
export type ProofState = 'held' | 'failed' | 'unjudged' | 'warning';

/** One preflight check with its evidence. */
export interface Proof {
  /** Short and stable, such as `backup complete` or `free space`. */
  name: string;
  state: ProofState;
  /** What was found: numbers, names. */
  evidence: string;
  /** Why a restore must not start, for state 'failed'. */
  error?: ErrorReport;
}

/** How far a phase is. What is not known is left out. */
export interface Progress {
  phase: Phase;
  /** Bytes read from the store. */
  readBytes?: number;
  /** Bytes that the phase reads from the store in all. */
  totalBytes?: number;
  /** Bytes written to disk. */
  writtenBytes?: number;
  files?: number;
  /** WAL segments fetched so far, and in all. */
  segments?: number;
  totalSegments?: number;
  /** Last LSN replayed, while recovering. */
  replayLsn?: string;
  /** Time of the last commit replayed (ISO 8601). */
  replayTime?: string;
}

/** What the core tells while it works; the renderers in cli/ make text or NDJSON of it. Nothing in it is secret. */
export type OdoEvent =
  | { type: 'phase'; phase: Phase; state: 'started' }
  | { type: 'phase'; phase: Phase; state: 'finished'; elapsedMs: number }
  | ({ type: 'proof' } & Proof)
  | ({ type: 'progress' } & Progress)
  | { type: 'note'; level: 'info' | 'warning'; message: string }
  | ({ type: 'error' } & ErrorReport);

export type Report = (event: OdoEvent) => void;

/** Runs one phase between its two events. */
export async function inPhase<T>(report: Report, phase: Phase, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  report({ type: 'phase', phase, state: 'started' });
  const result = await work();
  report({ type: 'phase', phase, state: 'finished', elapsedMs: Math.round(performance.now() - startedAt) });
  return result;
}
