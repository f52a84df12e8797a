import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Layer } from '../../../../src/stream/bytes/layers.ts';
import { startUnpackingThread, type UnpackingThread } from '../../../../src/stream/unpack/unpack-apart.ts';

const plain = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(30_000_000, 'PostgreSQL '), randomBytes(1_500_000)]);
const packed = gzipSync(plain);
const name = 's3://backups/base.tar';
let thread: UnpackingThread;

beforeEach(() => {
  thread = startUnpackingThread();
});
afterEach(() => thread.close());

/** What a source has seen. */
interface Seen {
  given: number;
  isReturned: boolean;
}

/** The content in chunks, each with its memory for itself; then the failure, if there is one. */
async function* inChunks(content: Buffer, seen?: Seen, failure?: Error): AsyncGenerator<Buffer, void, void> {
  try {
    for (let at = 0; at < content.length; at += 100_000) {
      if (seen) seen.given += 1;
      yield Buffer.from(new Uint8Array(content.subarray(at, at + 100_000)).buffer);
    }
    if (failure) throw failure;
  } finally {
    if (seen) seen.isReturned = true;
  }
}

/** A chunk is the taker's until it asks for the next. */
async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const gathered: Buffer[] = [];
  for await (const chunk of chunks) gathered.push(Buffer.from(chunk));
  return Buffer.concat(gathered);
}

test('unpacks one object after the other, whatever they are packed with', async () => {
  const objects: [Layer, Buffer, Buffer][] = [
    ['gzip', packed, plain],
    ['zstd', zstdCompressSync(plain), plain],
    ['gzip', gzipSync(''), Buffer.alloc(0)],
    ['gzip', packed, plain],
  ];
  for (const [codec, content, expected] of objects) {
    const got = await gather(thread.unpack(inChunks(content), codec, { name }));
    expect(got.equals(expected)).toBe(true);
  }
});

test('leaves memory alone that a chunk shares with others', async () => {
  async function* slices() {
    for (let at = 0; at < packed.length; at += 100_000) yield packed.subarray(at, at + 100_000);
  }
  expect((await gather(thread.unpack(slices(), 'gzip', { name }))).equals(plain)).toBe(true);
  expect(packed.equals(gzipSync(plain))).toBe(true);
});

test('its errors keep code, message and hint; the source is let go, and it goes on with the next object', async () => {
  const damaged = Buffer.from(packed);
  damaged.writeUInt8(damaged.readUInt8(1_000_000) ^ 0xff, 1_000_000);
  const seen: Seen = { given: 0, isReturned: false };
  const error = await gather(thread.unpack(inChunks(damaged, seen), 'gzip', { name })).catch(
    (thrown: OdoError) => thrown,
  );
  expect(error).toBeInstanceOf(OdoError);
  expect(error).toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining(`${name} is damaged`),
    hint: expect.stringContaining('choose another backup'),
  });
  expect(seen.isReturned).toBe(true);
  expect((await gather(thread.unpack(inChunks(packed), 'gzip', { name }))).equals(plain)).toBe(true);
});

test('unpacks what came before the source failed, and throws its very error', async () => {
  const failure = new OdoError('storeUnreachable', 'the line is dead');
  const cut = packed.subarray(0, packed.length - 5_000);
  const got: Buffer[] = [];
  const taking = (async () => {
    for await (const chunk of thread.unpack(inChunks(cut, undefined, failure), 'gzip', { name }))
      got.push(Buffer.from(chunk));
  })();
  await expect(taking).rejects.toBe(failure);
  const before = Buffer.concat(got);
  expect(before.length).toBeGreaterThan(30_000_000);
  expect(before.equals(plain.subarray(0, before.length))).toBe(true);
  expect((await gather(thread.unpack(inChunks(packed), 'gzip', { name }))).equals(plain)).toBe(true);
});

test('reads no further ahead than it may', async () => {
  const seen: Seen = { given: 0, isReturned: false };
  const taking = thread.unpack(inChunks(packed, seen), 'gzip', { name });
  await taking.next();
  // The thread fills what it has room for; the rest of the source has to wait for the taker.
  await gather(startedElsewhere());
  const whole = Math.ceil(packed.length / 100_000);
  expect(seen.given).toBeLessThan(whole);
  await taking.return();
  expect(seen.isReturned).toBe(true);
});

/** As long as it takes to unpack as much in a second thread. */
async function* startedElsewhere(): AsyncGenerator<Buffer, void, void> {
  const other = startUnpackingThread();
  try {
    yield* other.unpack(inChunks(packed), 'gzip', { name });
  } finally {
    await other.close();
  }
}

test('stops when its reader does, and is free for another object then', async () => {
  const seen: Seen = { given: 0, isReturned: false };
  for await (const chunk of thread.unpack(inChunks(packed, seen), 'gzip', { name })) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  expect(seen.isReturned).toBe(true);
  expect((await gather(thread.unpack(inChunks(packed), 'gzip', { name }))).equals(plain)).toBe(true);
});

test('lets a source go that waits for a network', async () => {
  const waits = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  async function* beginning() {
    yield* inChunks(packed.subarray(0, 1_000_000));
    waits.resolve();
    await gone.promise;
  }
  const source = beginning();
  const finish = source.return.bind(source);
  // A generator's own return waits for what it awaits.
  source.return = (value) => {
    gone.resolve();
    return finish(value);
  };
  for await (const chunk of thread.unpack(source, 'gzip', { name })) {
    expect(chunk.length).toBeGreaterThan(0);
    await waits.promise;
    break;
  }
  await gone.promise;
});

test('is cancelled by the signal, before and in the middle', async () => {
  const controller = new AbortController();
  const taking = thread.unpack(inChunks(packed), 'gzip', { name, signal: controller.signal });
  await taking.next();
  controller.abort();
  await expect(gather(taking)).rejects.toMatchObject({ code: 'cancelled' });
  const late = thread.unpack(inChunks(packed), 'gzip', { name, signal: AbortSignal.abort() });
  await expect(gather(late)).rejects.toMatchObject({ code: 'cancelled' });
  expect((await gather(thread.unpack(inChunks(packed), 'gzip', { name }))).equals(plain)).toBe(true);
});

test('a thread that dies is an error, not a wait for ever', async () => {
  const taking = thread.unpack(inChunks(packed), 'gzip', { name });
  await taking.next();
  await thread.close();
  await expect(gather(taking)).rejects.toMatchObject({ code: 'bug', message: expect.stringContaining('thread') });
});
