import type { Rate } from '../events.ts';

/** The stretch of the current rate: long enough to be read, short enough to show that something has changed. */
const CURRENT_MS = 5_000;
/** The stretch by which the rest is judged: longer, so that it does not jump about. */
const ETA_MS = 60_000;
/** The shortest stretch that tells a rate. */
const LEAST_MS = 1_000;
/** The shortest stretch that tells how long the rest takes. */
const LEAST_FOR_ETA_MS = 3_000;
/** The time between two samples that are kept. */
const GRAIN_MS = 250;

interface Sample {
  atMs: number;
  /** How much was done by then in all. */
  done: number;
}

/** Rates of something that grows, from samples of it. Pure: the time comes with the samples. */
export interface RateMeter {
  /** Takes a sample. A count that has fallen begins anew: earlier samples say nothing of it. */
  sample(sample: Sample): void;
  /** Per second; undefined until it can be known. */
  rate(): Rate | undefined;
  /** How long `left` more will take; undefined until that can be known, and while nothing moves. */
  etaMs(left: number): number | undefined;
}

/** @param origin what was done at the beginning; without it, the first sample is the beginning */
export function createRateMeter(origin?: Sample): RateMeter {
  let first = origin;
  let latest = origin;
  let samples: Sample[] = origin ? [origin] : [];

  /** The rate per second over the last stretch of that length, or over all there is. */
  function over(stretchMs: number, leastMs: number): number | undefined {
    if (!latest) return undefined;
    const from = latest.atMs - stretchMs;
    return perSecond(samples.findLast(({ atMs }) => atMs <= from) ?? samples[0], latest, leastMs);
  }

  return {
    sample(sample) {
      if (!latest || !first || sample.done < latest.done) {
        first = sample;
        samples = [];
      }
      latest = sample;
      if (sample.atMs - (samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) < GRAIN_MS) return;
      samples.push(sample);
      while ((samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= sample.atMs - ETA_MS) samples.shift();
    },
    rate() {
      const current = over(CURRENT_MS, LEAST_MS);
      const mean = perSecond(first, latest, LEAST_MS);
      return current === undefined || mean === undefined
        ? undefined
        : { current: Math.round(current), mean: Math.round(mean) };
    },
    etaMs(left) {
      if (left <= 0) return 0;
      const rate = over(ETA_MS, LEAST_FOR_ETA_MS);
      return rate ? Math.round((left * 1000) / rate) : undefined;
    },
  };
}

function perSecond(from: Sample | undefined, to: Sample | undefined, leastMs: number): number | undefined {
  if (!from || !to || to.atMs - from.atMs < leastMs) return undefined;
  return ((to.done - from.done) * 1000) / (to.atMs - from.atMs);
}
