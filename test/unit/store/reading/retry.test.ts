import { expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { retrying } from '../../../../src/store/reading/retry.ts';

const down = () => new OdoError('storeUnreachable', 'down');

test('tries again until it succeeds', async () => {
  let attempts = 0;
  const delays: number[] = [];
  const attempt = async () => {
    attempts += 1;
    if (attempts < 4) throw down();
    return 'up';
  };
  expect(
    await retrying(attempt, { retryForMs: 5_000, firstDelayMs: 5, onRetry: (_, delayMs) => delays.push(delayMs) }),
  ).toBe('up');
  expect(delays).toHaveLength(3);
  expect(delays.every((delay, index) => delay <= 5 * 2 ** index)).toBe(true);
});

test('throws the last error when the budget is used up', async () => {
  let attempts = 0;
  const started = performance.now();
  const attempt = () => Promise.reject(new OdoError('storeUnreachable', `attempt ${++attempts}`));
  const error = await retrying(attempt, { retryForMs: 1_500, firstDelayMs: 5 }).catch((e: unknown) => e);
  expect(error).toMatchObject({ message: `attempt ${attempts}` });
  expect(attempts).toBeGreaterThan(2);
  expect(performance.now() - started).toBeLessThan(20_000);
});

test('does not repeat what will not get better', async () => {
  let attempts = 0;
  const attempt = () => {
    attempts += 1;
    return Promise.reject(new OdoError('accessDenied', 'no'));
  };
  await expect(retrying(attempt, { retryForMs: 5_000 })).rejects.toMatchObject({ code: 'accessDenied' });
  expect(attempts).toBe(1);
});

test('is cancelled in the middle of a pause', async () => {
  const controller = new AbortController();
  const retried = retrying(() => Promise.reject(down()), {
    retryForMs: 60_000,
    firstDelayMs: 60_000,
    maxDelayMs: 60_000,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 10);
  await expect(retried).rejects.toMatchObject({ code: 'cancelled' });
});
