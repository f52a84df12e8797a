import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFlushAhead } from '../../../../src/tree/writing/flush-ahead.ts';

/** Flushes that end when it is told. */
function flushes() {
  const ends: ((error?: Error) => void)[] = [];
  const flush = () => new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
  return { ends, flush };
}

test('flushes when enough has been written, once at a time', async () => {
  const { ends, flush } = flushes();
  const wrote = createFlushAhead(flush, 100);
  wrote(60);
  expect(ends).toHaveLength(0);
  wrote(60);
  expect(ends).toHaveLength(1);
  wrote(500);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await setImmediate();
  wrote(1);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await setImmediate();
  wrote(99);
  expect(ends).toHaveLength(2);
  wrote(1);
  expect(ends).toHaveLength(3);
});

test('says at the next bytes, and from then on, that a flush has failed', async () => {
  const { ends, flush } = flushes();
  const wrote = createFlushAhead(flush, 100);
  wrote(100);
  ends[0]?.(new Error('input/output error'));
  await setImmediate();
  expect(() => wrote(1)).toThrow('input/output error');
  expect(() => wrote(100)).toThrow('input/output error');
  expect(ends).toHaveLength(1);
});
