import { describe, expect, it } from 'vitest';
import { createRateMeter } from '../../../src/progress/rate.ts';

const MINUTE_MS = 60_000;

/** Samples twice a second, with a rate of its own for each stretch. */
function measured(stretches: readonly { seconds: number; perSecond: number }[]) {
  const meter = createRateMeter({ atMs: 0, done: 0 });
  let atMs = 0;
  let done = 0;
  for (const { seconds, perSecond } of stretches) {
    for (let half = 0; half < seconds * 2; half++) {
      atMs += 500;
      done += perSecond / 2;
      meter.sample({ atMs, done });
    }
  }
  return meter;
}

describe('a rate', () => {
  it('is not told before it can be known', () => {
    const meter = createRateMeter();
    expect(meter.rate()).toBeUndefined();
    expect(meter.etaMs(100)).toBeUndefined();
    meter.sample({ atMs: 5, done: 1000 });
    meter.sample({ atMs: 5, done: 2000 });
    expect(meter.rate()).toBeUndefined();
    meter.sample({ atMs: 900, done: 3000 });
    expect(meter.rate()).toBeUndefined();
    meter.sample({ atMs: 2005, done: 3000 });
    expect(meter.rate()).toEqual({ current: 1000, mean: 1000 });
    expect(meter.etaMs(100)).toBeUndefined();
    meter.sample({ atMs: 4005, done: 5000 });
    expect(meter.etaMs(100)).toBe(100);
  });

  it('is that of the last seconds, and that since the beginning', () => {
    const meter = measured([
      { seconds: 90, perSecond: 100 },
      { seconds: 10, perSecond: 1100 },
    ]);
    expect(meter.rate()).toEqual({ current: 1100, mean: 200 });
  });

  it('falls to nothing when nothing moves, and with it what is known of the rest', () => {
    const meter = measured([
      { seconds: 10, perSecond: 100 },
      { seconds: 70, perSecond: 0 },
    ]);
    expect(meter.rate()).toEqual({ current: 0, mean: 13 });
    expect(meter.etaMs(1)).toBeUndefined();
  });

  it('tells what is left by the last minute, so that a short break does not change it much', () => {
    const steady = measured([{ seconds: 300, perSecond: 100 }]);
    const interrupted = measured([
      { seconds: 300, perSecond: 100 },
      { seconds: 6, perSecond: 0 },
    ]);
    expect(steady.etaMs(6000)).toBe(MINUTE_MS);
    expect(interrupted.rate()?.current).toBe(0);
    expect(interrupted.etaMs(6000)).toBeGreaterThan(MINUTE_MS);
    expect(interrupted.etaMs(6000)).toBeLessThan(1.2 * MINUTE_MS);
    expect(steady.etaMs(0)).toBe(0);
  });

  it('begins anew when the count does', () => {
    const meter = measured([{ seconds: 10, perSecond: 1000 }]);
    meter.sample({ atMs: 20_000, done: 10 });
    expect(meter.rate()).toBeUndefined();
    meter.sample({ atMs: 22_000, done: 30 });
    expect(meter.rate()).toEqual({ current: 10, mean: 10 });
  });
});
