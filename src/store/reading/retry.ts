import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, OdoError } from '../../errors.ts';

/**
 * The budgets of retrying: 600 s for reading an object (request-range.ts), 15 s for a listing or a HEAD (s3/s3.ts,
 * kinds/http.ts), at most 15 s for each request of the proofs (restore/proofs/prove-repository.ts), and two attempts of
 * the SDK's own (s3/s3-clients.ts). --retry-for, which the command line always gives, replaces the first two.
 */
export interface RetryOptions {
  /** How long failures are put up with, counted from the start or from the last progress; 0 tries once. */
  retryForMs: number;
  /** The longest pause before the first retry (default 200); it doubles with every failure up to maxDelayMs. */
  firstDelayMs?: number;
  /** Default 10,000. */
  maxDelayMs?: number;
  signal?: AbortSignal | undefined;
  /** Told before each pause, for the progress display. */
  onRetry?: ((error: OdoError, delayMs: number) => void) | undefined;
}

/** Only a store that cannot be reached may answer differently next time; every other error is final. */
export function isRetryable(error: unknown): error is OdoError {
  return error instanceof OdoError && error.code === 'storeUnreachable';
}

/** Exponential back-off with full jitter within a budget of time. */
export interface Backoff {
  /**
   * Pauses before the next attempt. Throws `error` when it is final or the budget is used up. Throws `cancelled` when
   * the signal fires.
   */
  pause(error: unknown): Promise<void>;
  /** Something went right: the budget and the pauses start anew. */
  progressed(): void;
}

export function createBackoff(options: RetryOptions): Backoff {
  const { retryForMs, firstDelayMs = 200, maxDelayMs = 10_000, signal, onRetry } = options;
  let since = performance.now();
  let failures = 0;
  return {
    async pause(error) {
      if (signal?.aborted) throw cancelled(error);
      const leftMs = since + retryForMs - performance.now();
      if (!isRetryable(error) || leftMs <= 0) throw error;
      const ceilingMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(failures, 20));
      const delayMs = Math.min(leftMs, Math.random() * ceilingMs);
      failures += 1;
      onRetry?.(error, delayMs);
      try {
        await sleep(delayMs, undefined, signal ? { signal } : {});
      } catch (reason) {
        throw cancelled(reason);
      }
    },
    progressed() {
      since = performance.now();
      failures = 0;
    },
  };
}

/** Runs `attempt` until it succeeds, fails for good or the budget is used up; then its last error is thrown. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const backoff = createBackoff(options);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await backoff.pause(error);
    }
  }
}
