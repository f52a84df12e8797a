import { expect, test } from 'vitest';
import { LEAST_MEMORY_BYTES, shareOut } from '../../../../src/restore/lay-down/share-out.ts';

const MIB = 1 << 20;

test('as many parts at once as there are, as cores, and as memory has room for', () => {
  expect(shareOut({}, 1, 8).atOnce).toBe(1);
  expect(shareOut({}, 9, 1).atOnce).toBe(1);
  expect(shareOut({ memoryBytes: 2048 * MIB }, 9, 4).atOnce).toBe(4);
  expect(shareOut({ memoryBytes: LEAST_MEMORY_BYTES }, 9, 64).atOnce).toBeLessThan(9);
});

test('the more memory, the larger the window; the more parts at once, the smaller', () => {
  const { windowBytes } = shareOut({}, 1, 2);
  expect(shareOut({ memoryBytes: LEAST_MEMORY_BYTES }, 1, 2).windowBytes).toBeLessThan(windowBytes);
  expect(shareOut({}, 2, 2).windowBytes).toBeLessThanOrEqual(windowBytes);
  // However much there is, no window need be larger than what the fastest line fills while a chunk is written.
  expect(shareOut({ memoryBytes: 64 * 1024 * MIB }, 1, 2).windowBytes).toBeLessThanOrEqual(64 * MIB);
});

test('even the least memory leaves room for several requests', () => {
  for (const parts of [1, 9]) {
    expect(shareOut({ memoryBytes: LEAST_MEMORY_BYTES }, parts, 64).windowBytes).toBeGreaterThanOrEqual(4 * MIB);
  }
});

test('bzip2 gets as many threads as there are cores, and as memory has room for beside the least windows', () => {
  expect(shareOut({}, 1, 2).blocks.threads).toBe(2);
  expect(shareOut({}, 2, 2).blocks.threads).toBe(2);
  expect(shareOut({ memoryBytes: 2048 * MIB }, 1, 16).blocks.threads).toBe(16);
  expect(shareOut({}, 1, 16).blocks.threads).toBeLessThan(4);
  expect(shareOut({ memoryBytes: LEAST_MEMORY_BYTES }, 9, 64).blocks).toEqual({ threads: 1, windowBytes: 4 * MIB });
  expect(shareOut({ memoryBytes: 64 * 1024 * MIB }, 1, 2).blocks.windowBytes).toBe(32 * MIB);
});

test('hands a fixed number of connections on', () => {
  expect(shareOut({ connections: 3 }, 1, 2).connections).toBe(3);
  expect(shareOut({}, 1, 2).connections).toBeUndefined();
});
