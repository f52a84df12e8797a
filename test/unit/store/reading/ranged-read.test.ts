import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { ObjectStore, ReadOptions } from '../../../../src/store/objects/object-store.ts';
import { readRanged } from '../../../../src/store/reading/ranged-read.ts';

const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const object = { key: 'object', sizeBytes: content.length, etag: 'e1' };

/** A store whose only answer is `body`; what it counts shows how the reads overlap. */
function fakeStore(
  body: (
    options: Required<Pick<ReadOptions, 'offset' | 'length' | 'signal'>>,
    count: number,
  ) => AsyncIterable<Uint8Array>,
) {
  const seen = { requests: [] as number[], open: 0, mostOpen: 0, aborted: 0 };
  const store: ObjectStore = {
    url: 'fake://store',
    list: () => {
      throw new Error('not listed here');
    },
    head: async () => object,
    async read(_key, { offset = 0, length = content.length, signal = new AbortController().signal } = {}) {
      const count = seen.requests.push(offset) - 1;
      seen.open += 1;
      seen.mostOpen = Math.max(seen.mostOpen, seen.open);
      signal.addEventListener('abort', () => (seen.aborted += 1));
      return (async function* () {
        try {
          yield* body({ offset, length, signal }, count);
        } finally {
          seen.open -= 1;
        }
      })();
    },
    close: () => {},
  };
  return { store, seen };
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const gathered: Buffer[] = [];
  for await (const chunk of chunks) gathered.push(chunk);
  return Buffer.concat(gathered);
}

test('puts parts that come in any order into the right one', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length }) {
    await sleep(offset === 0 ? 60 : 5);
    yield content.subarray(offset, offset + length);
  });
  let counted = 0;
  expect(
    await gather(readRanged(store, object, { partSizeBytes: 90, connections: 4, onBytes: (n) => (counted += n) })),
  ).toEqual(content);
  expect(counted).toBe(1000);
  expect(seen.mostOpen).toBe(4);
  expect(seen.open).toBe(0);
});

test('reads a range of the object, and not beyond its end', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length }) {
    yield content.subarray(offset, offset + length);
  });
  expect(await gather(readRanged(store, object, { offset: 55, length: 333, partSizeBytes: 100 }))).toEqual(
    content.subarray(55, 388),
  );
  expect(await gather(readRanged(store, object, { offset: 950, length: 333 }))).toEqual(content.subarray(950));
  seen.requests.length = 0;
  expect(await gather(readRanged(store, object, { offset: 1000 }))).toHaveLength(0);
  expect(await gather(readRanged(store, { key: 'empty', sizeBytes: 0 }))).toHaveLength(0);
  expect(seen.requests).toEqual([]);
});

test('holds no more than its window while nobody takes anything', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length }) {
    yield content.subarray(offset, offset + length);
  });
  const reading = readRanged(store, object, { partSizeBytes: 10, connections: 3 });
  await reading.next();
  await sleep(20);
  expect(seen.requests).toEqual([0, 10, 20]);
  await reading.return();
});

test('aborts every request when the reader stops early, even in the middle of waiting', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length, signal }) {
    if (offset > 0) await sleep(60_000, undefined, { signal });
    yield content.subarray(offset, offset + length);
  });
  for await (const _ of readRanged(store, object, { partSizeBytes: 100, connections: 5 })) break;
  expect(seen.open).toBe(0);
  expect(seen.aborted).toBeGreaterThanOrEqual(4);

  const reading = readRanged(store, object, { partSizeBytes: 100, connections: 5 });
  await reading.next();
  const waiting = reading.next().catch((error: unknown) => error);
  await reading.return();
  expect(await waiting).toMatchObject({ code: 'cancelled' });
  expect(seen.open).toBe(0);
});

test('is cancelled by the signal', async () => {
  const { store, seen } = fakeStore(async function* ({ signal }) {
    await sleep(60_000, undefined, { signal });
    yield content;
  });
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await expect(
    gather(readRanged(store, object, { signal: controller.signal, partSizeBytes: 100 })),
  ).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(seen.open).toBe(0);
  await expect(gather(readRanged(store, object, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
    code: 'cancelled',
  });
});

test('every new byte renews the budget', async () => {
  const { store, seen } = fakeStore(async function* ({ offset }) {
    await sleep(40);
    yield content.subarray(offset, offset + 100);
    throw new OdoError('storeUnreachable', 'broke off');
  });
  // Ten attempts take longer than the budget of one.
  expect(await gather(readRanged(store, object, { retryForMs: 250 }))).toEqual(content);
  expect(seen.requests).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
});

test('refuses more bytes than the object was listed with', async () => {
  const { store } = fakeStore(async function* () {
    yield content;
    yield Buffer.from('more');
  });
  await expect(gather(readRanged(store, object))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: 'fake://store/object is longer than the 1000 bytes it was listed with',
  });
});

test('does not take a pause of this very process for a stall', async () => {
  const { store, seen } = fakeStore(async function* ({ offset }) {
    yield content.subarray(offset, 500);
    await sleep(1); // Due while the process is held up.
    yield content.subarray(500);
  });
  const reading = gather(readRanged(store, object, { stallTimeoutMs: 50 }));
  await sleep(0);
  const until = performance.now() + 120;
  while (performance.now() < until);
  expect(await reading).toEqual(content);
  expect(seen.requests).toEqual([0]);
});

test('starts the next part as soon as one is there, while an earlier one is waited for', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length, signal }) {
    if (offset === 0) {
      while (seen.requests.length < 5) await sleep(1, undefined, { signal });
    }
    yield content.subarray(offset, offset + length);
  });
  expect(await gather(readRanged(store, object, { partSizeBytes: 100, connections: 2, windowBytes: 500 }))).toEqual(
    content,
  );
  expect(seen.requests).toHaveLength(10);
});

test('asks a second time for the rest of a part that lags, and ends the first request', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length, signal }, count) {
    if (count !== 0) return yield content.subarray(offset, offset + length);
    yield content.subarray(0, 30);
    // For good: nothing but the second request can end this.
    await sleep(600_000, undefined, { signal });
  });
  let counted = 0;
  const retries: unknown[] = [];
  const reading = readRanged(store, object, {
    partSizeBytes: 100,
    connections: 3,
    windowBytes: 600,
    onBytes: (bytes) => (counted += bytes),
    onRetry: (error) => retries.push(error),
  });
  expect(await gather(reading)).toEqual(content);
  expect(seen.requests.filter((offset) => offset === 30)).toHaveLength(1);
  expect(seen.requests).toHaveLength(11);
  expect(seen.open).toBe(0);
  expect(counted).toBe(1000);
  expect(retries).toEqual([]);
});

test('does not take a part for lagging that this thread itself has held up', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length }) {
    await sleep(30);
    yield content.subarray(offset, offset + 30);
    await sleep(30);
    yield content.subarray(offset + 30, offset + length);
  });
  let taken = 0;
  for await (const _ of readRanged(store, object, { partSizeBytes: 100, connections: 3, windowBytes: 600 })) {
    taken += 1;
    // As a write to a slow disk does.
    if (taken === 4) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
  }
  expect(taken).toBe(10);
  expect(seen.requests).toHaveLength(10);
});

test('the first request of a part that lags may come to its end before the second', async () => {
  let isSecondAsked = () => {};
  const secondAsked = new Promise<void>((resolve) => (isSecondAsked = resolve));
  const { store, seen } = fakeStore(async function* ({ offset, length, signal }, count) {
    if (offset === 30) {
      isSecondAsked();
      yield content.subarray(30, 40);
      await sleep(600_000, undefined, { signal });
    }
    if (count !== 0) return yield content.subarray(offset, offset + length);
    yield content.subarray(0, 30);
    await secondAsked;
    await sleep(20);
    yield content.subarray(30, 100);
  });
  let counted = 0;
  const options = {
    partSizeBytes: 100,
    connections: 3,
    windowBytes: 600,
    onBytes: (bytes: number) => (counted += bytes),
  };
  expect(await gather(readRanged(store, object, options))).toEqual(content);
  expect(seen.open).toBe(0);
  expect(counted).toBe(1000);
});

test('a second request that fails changes nothing', async () => {
  let isSecondAsked = () => {};
  const secondAsked = new Promise<void>((resolve) => (isSecondAsked = resolve));
  const { store } = fakeStore(async function* ({ offset, length }, count) {
    if (offset === 30) {
      isSecondAsked();
      throw new OdoError('accessDenied', 'no more of this');
    }
    if (count !== 0) return yield content.subarray(offset, offset + length);
    yield content.subarray(0, 30);
    await secondAsked;
    await sleep(20);
    yield content.subarray(30, 100);
  });
  expect(await gather(readRanged(store, object, { partSizeBytes: 100, connections: 3, windowBytes: 600 }))).toEqual(
    content,
  );
});
