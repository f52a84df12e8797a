import { setTimeout as sleep } from 'node:timers/promises';
import { asOdoError, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { patiently } from '../../progress/patiently.ts';
import type { Engine } from '../contract/engine.ts';
import type { FedWal } from '../contract/jobs.ts';
import type { LaidDown, LayDownJob } from '../contract/lay-down-job.ts';

/** A server that aborts over WAL that cannot be had may be noticed before the news of the reason has come. */
const NEWS_MS = 3000;

/** The feeding of WAL, seen from the host, beside the steps that need it. */
export interface FollowedFeeding {
  /** Throws the reason when feeding has failed. */
  demandWell(): void;
  /**
   * Runs a step that depends on it: when feeding fails for good, the step is ended, and that reason is thrown, not what
   * it led to.
   */
  during<T>(signal: AbortSignal, step: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** What was laid down in all, once the restore is finished. */
  addTo(laidDown: LaidDown): Promise<LaidDown>;
  /** Nobody asks any more. */
  drop(): void;
}

/**
 * @param reopen another engine over the same volume, for when the container in which the feeder works dies in the
 *   middle of the recovery: it goes
 *   on from what the server asks for, and the server only has to wait
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
      // What it would have told at its end is known up to its last word.
      done.push({ walSegments: told.segments, reusedSegments: 0, readBytes: told.readBytes, writtenBytes: 0 });
      // Before the exchange all of the work is lost with it; after the recovery nothing more is needed.
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
