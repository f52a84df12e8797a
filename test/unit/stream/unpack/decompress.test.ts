import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Layer } from '../../../../src/stream/bytes/layers.ts';

type Codec = Layer | 'none';

import { type DecompressOptions, decompress } from '../../../../src/stream/unpack/decompress.ts';
import { INFLATERS } from '../../parts/inflaters.ts';

type InRing = DecompressOptions['inRing'];

const plain = Buffer.concat([randomBytes(150_000), Buffer.alloc(3_000_000, 'PostgreSQL '), randomBytes(70_000)]);
const name = 's3://bucket/base.tar.gz';

/** The bytes in chunks of one size, as a store would bring them. */
async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Undoes a codec; chunks from a ring are copied, as they do not stay. */
async function take(source: AsyncIterable<Buffer>, codec: Codec, inRing: InRing): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(source, codec, { name, inRing }))
    chunks.push(inRing ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks);
}

function unpackAs(inRing: InRing) {
  return (packed: Buffer, codec: Codec, chunkBytes = 64_000) => take(inChunks(packed, chunkBytes), codec, inRing);
}

const unpack = unpackAs(false);

/** toEqual takes its time with megabytes. */
function expectSame(actual: Buffer, expected: Buffer): void {
  expect(actual.length).toBe(expected.length);
  expect(actual.equals(expected)).toBe(true);
}

const PACKERS = {
  gzip: (bytes: Buffer) => zlib.gzipSync(bytes),
  zstd: (bytes: Buffer) => zlib.zstdCompressSync(bytes),
};

const INFLATING = [['pool', false], ...INFLATERS] as const;

describe.each([
  ['gzip', 'gzip', false],
  ...INFLATERS.map(([by, inRing]) => [`gzip in a ring by ${by}`, 'gzip', inRing] as const),
  ['zstd', 'zstd', false],
] as const)('%s', (_name, codec, inRing) => {
  const unpack = unpackAs(inRing);
  const pack = PACKERS[codec];
  const packed = pack(plain);

  test('gives back what was packed', async () => {
    expectSame(await unpack(packed, codec), plain);
    expectSame(await unpack(packed, codec, packed.length), plain);
    expect(await unpack(pack(Buffer.alloc(0)), codec)).toHaveLength(0);
    expect(await unpack(pack(Buffer.from('short')), codec, 1)).toEqual(Buffer.from('short'));
  });

  // The size of the engine's own output chunks is where ends of members and ends of buffers fall together.
  test.each([1, 1000, 1 << 20, 3 << 20])('reads concatenated members of %i bytes as one', async (memberBytes) => {
    const members: Buffer[] = [];
    const wanted = plain.subarray(0, memberBytes === 1 ? 40 : plain.length);
    for (let at = 0; at < wanted.length; at += memberBytes) members.push(pack(wanted.subarray(at, at + memberBytes)));
    expectSame(await unpack(Buffer.concat(members), codec, 1 << 22), wanted);
    expectSame(await unpack(Buffer.concat(members), codec, 777), wanted);
  });

  test.each([1, 5, 1000, 150_000])('an end that is %i bytes early is an error', async (missingBytes) => {
    const error = await unpack(packed.subarray(0, packed.length - missingBytes), codec).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'dataCorrupt', message: expect.stringContaining(`${name} ends early`) });
  });

  test('an end in the middle of a later member is an error', async () => {
    const error = await unpack(Buffer.concat([packed, packed.subarray(0, 30)]), codec).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'dataCorrupt', message: expect.stringContaining(`${name} ends early`) });
  });

  test('bytes of something else after the end are an error', async () => {
    for (const chunkBytes of [500, packed.length, packed.length + 100]) {
      const error = await unpack(Buffer.concat([packed, Buffer.from('something else')]), codec, chunkBytes).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ code: 'dataCorrupt' });
    }
  });

  test('an object that is of another kind is named for what it is', async () => {
    const tar = Buffer.alloc(1024);
    tar.write('ustar', 257);
    const other = codec === 'gzip' ? 'zstd' : 'gzip';
    await expect(unpack(PACKERS[other](plain), codec)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: `${name} has the wrong extension: it is not ${codec} data, it looks like ${other} data`,
      hint: expect.stringContaining(`with the extension ${other === 'gzip' ? '.gz' : '.zst'}`),
    });
    await expect(unpack(tar, codec)).rejects.toMatchObject({
      message: `${name} has the wrong extension: it is not ${codec} data, it looks like a plain tar`,
      hint: expect.stringContaining(`without ${codec === 'gzip' ? '.gz' : '.zst'}`),
    });
    await expect(unpack(Buffer.from('<html>'), codec)).rejects.toMatchObject({
      message: `${name} is not ${codec} data`,
    });
    await expect(unpack(Buffer.alloc(0), codec)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: `${name} is empty`,
    });
  });

  test('an error of the source passes through as it is', async () => {
    const broken = new OdoError('storeUnreachable', 'gone');
    const source = async function* () {
      yield packed.subarray(0, 100_000);
      throw broken;
    };
    const reading = decompress(source(), codec, { name, inRing });
    await expect(
      (async () => {
        for await (const _ of reading);
      })(),
    ).rejects.toBe(broken);
  });

  test('stops the source when its own reader stops early', async () => {
    let isReturned = false;
    const source = async function* () {
      try {
        for (;;) yield packed;
      } finally {
        isReturned = true;
      }
    };
    for await (const _ of decompress(source(), codec, { name, inRing })) break;
    await sleep(1);
    expect(isReturned).toBe(true);
  });

  test('stops the source at once, even when it is waiting for it', async () => {
    let isReturned = false;
    let chunks = 1;
    const source: AsyncIterable<Buffer> = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          chunks-- > 0 ? Promise.resolve({ done: false, value: packed.subarray(0, 180_000) }) : new Promise(() => {}),
        return: async () => {
          isReturned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    for await (const _ of decompress(source, codec, { name, inRing })) {
      await sleep(5);
      break;
    }
    expect(isReturned).toBe(true);
  });

  test('uses each chunk of the source up before it asks for the next', async () => {
    const shared = Buffer.alloc(10_000);
    const source = async function* () {
      for (let at = 0; at < packed.length; at += shared.length) {
        const length = packed.copy(shared, 0, at, at + shared.length);
        yield shared.subarray(0, length);
        shared.fill(0xee);
      }
    };
    expectSame(await take(source(), codec, inRing), plain);
  });
});

test.each(INFLATING)('a flipped byte in gzip is an error (%s)', async (_by, inRing) => {
  const unpack = unpackAs(inRing);
  const packed = Buffer.from(zlib.gzipSync(plain));
  packed.writeUInt8(packed.readUInt8(100_000) ^ 0x10, 100_000);
  await expect(unpack(packed, 'gzip')).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining(`${name} is damaged`),
  });
});

test('a flipped byte in zstd with a checksum is an error', async () => {
  const packed = zlib.zstdCompressSync(plain, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
  packed.writeUInt8(packed.readUInt8(100_000) ^ 0x10, 100_000);
  await expect(unpack(packed, 'zstd')).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining(`${name} is damaged`),
  });
});

describe.each(INFLATING)('zeros after gzip (%s)', (_by, inRing) => {
  const unpack = unpackAs(inRing);
  const packed = zlib.gzipSync(plain);
  const padding = Buffer.alloc(20_000);

  test.each([100, 16_384, 1 << 22])('are padding (chunks of %i)', async (chunkBytes) => {
    expectSame(await unpack(Buffer.concat([packed, padding]), 'gzip', chunkBytes), plain);
  });

  // Node's own gunzip would end here in silence.
  test.each([100, 16_384, 1 << 22])('must not hide anything behind them (chunks of %i)', async (chunkBytes) => {
    for (const hidden of [packed, Buffer.from('x')]) {
      await expect(unpack(Buffer.concat([packed, padding, hidden]), 'gzip', chunkBytes)).rejects.toMatchObject({
        code: 'dataCorrupt',
        message: `${name} goes on after the end of its gzip data`,
      });
    }
  });
});

test('zstd may begin with and hold skippable frames', async () => {
  const skippable = Buffer.from('502a4d180400000001020304', 'hex');
  const packed = zlib.zstdCompressSync(plain);
  expectSame(
    await unpack(Buffer.concat([skippable, packed, skippable, packed]), 'zstd', 1 << 22),
    Buffer.concat([plain, plain]),
  );
});

test('none passes everything through', async () => {
  expectSame(await unpack(plain, 'none'), plain);
});

test('none does not pass packed data off as a tar', async () => {
  await expect(unpack(PACKERS.gzip(plain), 'none')).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: `${name} has the wrong extension: it is not a plain tar, it looks like gzip data`,
    hint: expect.stringContaining('with the extension .gz'),
  });
});

test('is cancelled by the signal', async () => {
  const reading = decompress(inChunks(plain, 1000), 'none', { name, signal: AbortSignal.abort() });
  await expect(reading.next()).rejects.toMatchObject({ code: 'cancelled' });
});
