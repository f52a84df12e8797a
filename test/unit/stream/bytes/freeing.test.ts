import { expect, test } from 'vitest';
import { freeing } from '../../../../src/stream/bytes/freeing.ts';

test('takes the memory of a chunk back when the next is asked for, unless others share it', async () => {
  const own = Buffer.allocUnsafeSlow(1000).fill(1);
  const whole = Buffer.allocUnsafeSlow(1000).fill(2);
  const shared = whole.subarray(0, 500);
  async function* chunks() {
    yield own;
    yield shared;
    yield Buffer.allocUnsafeSlow(1);
  }
  const taking = freeing(chunks());
  expect((await taking.next()).value).toBe(own);
  expect(own.length).toBe(1000);
  expect((await taking.next()).value).toBe(shared);
  expect(own.length).toBe(0);
  await taking.next();
  expect(shared.length).toBe(500);
  expect(whole.length).toBe(1000);
  expect((await taking.next()).done).toBe(true);
});
