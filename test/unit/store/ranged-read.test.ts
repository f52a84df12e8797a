import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OdoError } from '../../../src/errors.ts';
import type { ObjectStore, ReadOptions } from '../../../src/store/object-store.ts';
import { readRanged } from '../../../src/store/ranged-read.ts';

const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const object = { key: 'object', sizeBytes: content.length, etag: 'e1' };

/** A store whose only answer is `body`; what it counts shows how the reads overlap. */
function fakeStore(
  body: (options: Required<Pick<ReadOptions, 'offset' | 'length' | 'signal'>>, count: number) => AsyncIterable<Uint8Array>,
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
  expect(await gather(readRanged(store, object, { partSizeBytes: 90, connections: 4, onBytes: (n) => (counted += n) }))).toEqual(
    content,
  );
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
  await expect(gather(readRanged(store, object, { signal: controller.signal, partSizeBytes: 100 }))).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(seen.open).toBe(0);
  await expect(gather(readRanged(store, object, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: 'cancelled' });
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
