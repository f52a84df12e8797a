import { expect, test } from 'vitest';
import { createPace } from '../../../../src/store/reading/pace.ts';

const MIB = 1 << 20;

/** What a pace settles on when every connection brings so many bytes a second. */
function settled(bytesPerSecond: number) {
  const pace = createPace({ windowBytes: 32 * MIB });
  for (let count = 0; count < 9; count++)
    pace.finished(MIB, (1000 * MIB) / bytesPerSecond, 100 + (1000 * MIB) / bytesPerSecond);
  return { partMib: pace.partSizeBytes / MIB, connections: pace.connections };
}

test('begins with an eighth of the window in each request', () => {
  const pace = createPace({ windowBytes: 32 * MIB });
  expect(pace.partSizeBytes).toBe(4 * MIB);
  expect(pace.connections).toBe(8);
  expect(pace.usualMs(MIB)).toBeUndefined();
});

test('gives fast connections few large requests, and slow ones many small ones', () => {
  expect(settled(1000 * MIB)).toEqual({ partMib: 8, connections: 4 });
  expect(settled(40 * MIB)).toEqual({ partMib: 2, connections: 16 });
  expect(settled(MIB)).toEqual({ partMib: 1, connections: 16 });
});

test('knows how long requests take, whatever a single slow one took', () => {
  const pace = createPace({ windowBytes: 32 * MIB });
  for (const ms of [10, 10, 60_000, 10, 10]) pace.finished(MIB, ms, ms);
  expect(pace.usualMs(2 * MIB)).toBe(20);
});

test('keeps to what is fixed', () => {
  const fixed = createPace({ windowBytes: 32 * MIB, connections: 2 });
  for (let count = 0; count < 9; count++) fixed.finished(MIB, 1, 1);
  expect(fixed.connections).toBe(2);
  expect(fixed.partSizeBytes).toBe(16 * MIB);
  expect(createPace({ windowBytes: 30, connections: 3, partSizeBytes: 10 })).toMatchObject({
    connections: 3,
    partSizeBytes: 10,
  });
});

test('a window that is smaller than any sensible request still holds one', () => {
  const pace = createPace({ windowBytes: 1000 });
  expect(pace.partSizeBytes).toBe(128);
  expect(pace.connections).toBeGreaterThan(0);
});
