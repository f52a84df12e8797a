import { setTimeout as sleep } from 'node:timers/promises';
import { asOdoError, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { patiently } from '../../progress/patiently.ts';
import type { Engine } from '../contract/engine.ts';
import type { FedWal } from '../contract/jobs.ts';
import type { LaidDown, LayDownJob } from '../contract/lay-down-job.ts';

/**
 * How long to wait for the reason, when a server aborts over WAL that cannot be had: the abort may be noticed first.
 */
const NEWS_MS = 3000;

/** The feeding of WAL, seen from the host, beside the steps that need it. */
export interface FollowedFeeding {
  /** Throws the reason when feeding has failed. */
  demandWell(): void;
  /**
   * Runs a step that depends on the feeding. When feeding fails for good, the step is ended, and the reason of the
   * feeding is thrown, not what it led to.
   */
  during<T>(signal: AbortSignal, step: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Waits for the end of the feeding, and gives what was laid down in all. */
  addTo(laidDown: LaidDown): Promise<LaidDown>;
  /** Stops following, since nobody asks any more. */
  drop(): void;
}

/**
 * @param reopen opens another engine over the same volume, when the container of the feeder dies in the middle of the
 *   recovery. The new feeder goes on from what the server asks for, and the server only has to wait.
 */
export function followFeeding(
  engine: Engine,
  reopen: (dead: Engine) => Promise<Engine>,
  job: LayDownJob,
  report: Report,
): FollowedFeeding {
  const dropping = new AbortController();
  const { signal } = dropping;
  const failed = Promise.withResolvers<OdoError>();
  let failure: OdoError | undefined;
  let isUnderway = false;
  let told = { readBytes: 0, segments: 0 };
  const done: Omit<FedWal, 'peakMemoryBytes'>[] = [];
  let peakMemoryBytes = 0;

  const watch: Report = (event) => {
    if (event.type === 'progress') told = { readBytes: event.readBytes ?? 0, segments: event.segments ?? 0 };
    if (event.type !== 'progress' || isUnderway) report(event);
  };

  async function follow(current: Engine): Promise<void> {
    try {
      const fed = await current.feed(job, watch, signal);
      done.push(fed);
      peakMemoryBytes = Math.max(peakMemoryBytes, fed.peakMemoryBytes);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof OdoError) || error.code !== 'dockerUnreachable') throw error;
      // The dead feeder cannot tell its sums, so its last word counts.
      done.push({ walSegments: told.segments, reusedSegments: 0, readBytes: told.readBytes, writtenBytes: 0 });
      // Before the exchange all of the work is lost with the container. After the recovery nothing more is needed.
      if (!isUnderway) throw error;
      report({ type: 'note', level: 'warning', message: `${error.message}; another one goes on fetching WAL` });
      // Docker may be away altogether; as long as the server waits, another container is in time.
      await follow(await patiently(() => reopen(current), signal));
    }
  }

  const following = follow(engine).catch((error: unknown) => {
    failure = asOdoError(error);
    failed.resolve(failure);
  });

  return {
    demandWell() {
      if (failure) throw failure;
    },
    async during(cancelling, step) {
      isUnderway = true;
      const stop = new AbortController();
      const both = AbortSignal.any([cancelling, stop.signal]);
      const fault = failed.promise.then((error) => {
        stop.abort(error);
        throw error;
      });
      try {
        return await Promise.race([step(both), fault]);
      } catch (error) {
        if (!cancelling.aborted && error instanceof OdoError && error.code === 'recoveryFailed') {
          await Promise.race([failed.promise, sleep(NEWS_MS)]);
        }
        throw failure ?? error;
      } finally {
        isUnderway = false;
      }
    },
    async addTo(laidDown) {
      await following;
      const sum = (what: keyof (typeof done)[number]) => done.reduce((total, fed) => total + fed[what], 0);
      return {
        ...laidDown,
        readBytes: laidDown.readBytes + sum('readBytes'),
        writtenBytes: laidDown.writtenBytes + sum('writtenBytes'),
        walSegments: laidDown.walSegments + sum('walSegments'),
        reusedSegments: laidDown.reusedSegments + sum('reusedSegments'),
        peakMemoryBytes: Math.max(laidDown.peakMemoryBytes, peakMemoryBytes),
      };
    },
    drop: () => dropping.abort(),
  };
}
