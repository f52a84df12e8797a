import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { ObjectStore, ReadOptions } from '../../../../src/store/objects/object-store.ts';
import { readStreamed } from '../../../../src/store/reading/streamed-read.ts';

const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const object = { key: 'object', sizeBytes: content.length, etag: 'e1' };

/** A store whose only answer is `body`; what it counts shows how it is asked. */
function fakeStore(
  body: (
    options: Required<Pick<ReadOptions, 'offset' | 'length' | 'signal'>>,
    count: number,
  ) => AsyncIterable<Uint8Array>,
) {
  const seen = { requests: [] as ReadOptions[], open: 0, chunks: 0 };
  const store: ObjectStore = {
    url: 'fake://store',
    list: () => {
      throw new Error('not listed here');
    },
    head: async () => object,
    async read(_key, options: ReadOptions = {}) {
      const { offset = 0, length = content.length, signal = new AbortController().signal, ...pins } = options;
      const count = seen.requests.push({ offset, length, ...pins }) - 1;
      seen.open += 1;
      return (async function* () {
        try {
          for await (const chunk of body({ offset, length, signal }, count)) {
            seen.chunks += 1;
            yield chunk;
          }
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

async function* inChunksOf(bytes: number, from: number, to: number) {
  for (let at = from; at < to; at += bytes) yield content.subarray(at, Math.min(at + bytes, to));
}

test('hands on what one request brings, no more than is taken', async () => {
  const { store, seen } = fakeStore(({ offset, length }) => inChunksOf(100, offset, offset + length));
  const reading = readStreamed(store, object);
  expect((await reading.next()).value).toEqual(content.subarray(0, 100));
  await sleep(20);
  expect(seen).toEqual({ requests: [{ offset: 0, length: 1000, etag: 'e1' }], open: 1, chunks: 1 });
  expect(await gather(reading)).toEqual(content.subarray(100));
  expect(seen).toMatchObject({ open: 0, chunks: 10 });
});

test('reads a range of the object, and not beyond its end', async () => {
  const { store, seen } = fakeStore(({ offset, length }) => inChunksOf(100, offset, offset + length));
  expect(await gather(readStreamed(store, object, { offset: 55, length: 333 }))).toEqual(content.subarray(55, 388));
  expect(await gather(readStreamed(store, object, { offset: 950, length: 333 }))).toEqual(content.subarray(950));
  expect(await gather(readStreamed(store, { key: 'empty', sizeBytes: 0 }))).toHaveLength(0);
  expect(seen.requests).toHaveLength(2);
});

test('asks for the rest after the answer broke off or ended early, and counts no byte twice', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, length }, count) {
    yield* inChunksOf(70, offset, count < 2 ? offset + 210 : offset + length);
    if (count === 0) throw new OdoError('storeUnreachable', 'broke off');
  });
  let counted = 0;
  const retries: string[] = [];
  const options = { onBytes: (n: number) => (counted += n), onRetry: (error: OdoError) => retries.push(error.message) };
  expect(await gather(readStreamed(store, object, options))).toEqual(content);
  expect(seen.requests.map(({ offset, length }) => [offset, length])).toEqual([
    [0, 1000],
    [210, 790],
    [420, 580],
  ]);
  expect(counted).toBe(1000);
  expect(retries).toEqual(['broke off', 'fake://store ended the answer 580 bytes early']);
});

test('is done when the last byte is there, whatever the connection says then', async () => {
  const { store, seen } = fakeStore(async function* () {
    yield content;
    throw new OdoError('storeUnreachable', 'reset');
  });
  expect(await gather(readStreamed(store, object))).toEqual(content);
  expect(seen.requests).toHaveLength(1);
});

test('does not take a slow taker for a stall, nor its time from the budget', async () => {
  const { store, seen } = fakeStore(async function* ({ offset }, count) {
    yield content.subarray(offset, offset + 100);
    if (count === 0) throw new OdoError('storeUnreachable', 'broke off');
    yield content.subarray(offset + 100);
  });
  const gathered: Buffer[] = [];
  for await (const chunk of readStreamed(store, object, { stallTimeoutMs: 30, retryForMs: 50 })) {
    gathered.push(chunk);
    await sleep(90);
  }
  expect(Buffer.concat(gathered)).toEqual(content);
  expect(seen.requests).toHaveLength(2);
});

test('asks again when nothing comes, also after a slow taker', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, signal }, count) {
    yield content.subarray(offset, count === 0 ? 500 : undefined);
    if (count === 0) await sleep(60_000, undefined, { signal });
  });
  const gathered: Buffer[] = [];
  for await (const chunk of readStreamed(store, object, { stallTimeoutMs: 40 })) {
    gathered.push(chunk);
    await sleep(100);
  }
  expect(Buffer.concat(gathered)).toEqual(content);
  expect(seen).toMatchObject({ open: 0, requests: [{ offset: 0 }, { offset: 500 }] });
});

test('fails with the place where it gave up, when the budget is used up', async () => {
  const { store } = fakeStore(async function* ({ offset }, count) {
    if (count === 0) yield content.subarray(offset, 300);
    throw new OdoError('storeUnreachable', 'broke off', { hint: 'see the network' });
  });
  await expect(gather(readStreamed(store, object, { retryForMs: 50 }))).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: 'reading fake://store/object failed at byte 300: broke off',
    hint: 'see the network',
  });
});

test('fails at once with what another request would not mend', async () => {
  const { store, seen } = fakeStore(async function* () {
    yield content.subarray(0, 10);
    throw new OdoError('dataCorrupt', 'the object has changed');
  });
  await expect(gather(readStreamed(store, object))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: 'the object has changed',
  });
  expect(seen.requests).toHaveLength(1);
});

test('refuses more bytes than the object was listed with', async () => {
  const { store, seen } = fakeStore(async function* () {
    yield content;
    yield Buffer.from('more');
  });
  await expect(gather(readStreamed(store, object))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: 'fake://store/object is longer than the 1000 bytes it was listed with',
  });
  expect(seen.open).toBe(0);
});

test('ends its request when the reader stops early or the signal fires', async () => {
  const { store, seen } = fakeStore(async function* ({ offset, signal }) {
    yield content.subarray(offset, offset + 10);
    await sleep(60_000, undefined, { signal });
  });
  for await (const _ of readStreamed(store, object)) break;
  expect(seen.open).toBe(0);

  const reading = readStreamed(store, object);
  await reading.next();
  const waiting = reading.next().catch((error: unknown) => error);
  await reading.return();
  expect(await waiting).toMatchObject({ code: 'cancelled' });

  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await expect(gather(readStreamed(store, object, { signal: controller.signal }))).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(seen.open).toBe(0);
  await expect(gather(readStreamed(store, object, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(seen.requests).toHaveLength(3);
});
