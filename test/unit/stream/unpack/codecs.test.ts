import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Layer, splitLayers } from '../../../../src/stream/bytes/layers.ts';
import { type DecompressOptions, decompress } from '../../../../src/stream/unpack/decompress.ts';
import { plainContent } from '../../../fixtures/codecs/plain.ts';

const FOLDER = new URL('../../../fixtures/codecs/', import.meta.url);
const plain = plainContent();
const special = /^(demanding|bomb)\./;
const files = readdirSync(FOLDER)
  .filter((name) => splitLayers(name).layers.length > 0 && !special.test(name))
  .map((name) => ({ name, codec: splitLayers(name).layers[0] as Layer, packed: readFileSync(new URL(name, FOLDER)) }));

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(
  packed: Buffer,
  codec: Parameters<typeof decompress>[1],
  chunkBytes = 64_000,
  more: Partial<DecompressOptions> = {},
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(inChunks(packed, chunkBytes), codec, { name: 'the file', ...more }))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('every codec has files that its own programs made', () => {
  expect(new Set(files.map(({ codec }) => codec))).toEqual(new Set(['gzip', 'bzip2', 'xz', 'lz4', 'zstd', 'snappy']));
});

describe.each(files)('$name', ({ codec, packed }) => {
  test('gives back what was packed, however it comes in', async () => {
    for (const chunkBytes of [997, 64_000, packed.length]) {
      const unpacked = await unpack(packed, codec, chunkBytes);
      expect(unpacked.equals(plain)).toBe(true);
    }
  });

  test('is recognised by its first bytes where no name tells', async () => {
    expect((await unpack(packed, 'none', 64_000, { detect: true })).equals(plain)).toBe(true);
  });

  test('is not read as something else', async () => {
    const wrong = codec === 'xz' ? 'lz4' : 'xz';
    await expect(unpack(packed, wrong)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: `the file has the wrong extension: it is not ${wrong} data, it looks like ${codec} data`,
    });
  });

  test.each([1, 7, 3000])('an end that is %i bytes early is an error', async (missingBytes) => {
    await expect(unpack(packed.subarray(0, packed.length - missingBytes), codec)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('the file ends early'),
    });
  });

  test('something else behind the end is an error', async () => {
    for (const more of [Buffer.from('something else behind it'), Buffer.from([1])]) {
      for (const chunkBytes of [packed.length, packed.length + more.length]) {
        await expect(unpack(Buffer.concat([packed, more]), codec, chunkBytes)).rejects.toMatchObject({
          code: 'dataCorrupt',
        });
      }
    }
  });

  test('twice in a row reads as one', async () => {
    const twice = await unpack(Buffer.concat([packed, packed]), codec, 100_000);
    expect(twice.equals(Buffer.concat([plain, plain]))).toBe(true);
  });

  test('no flipped bit gives other content without an error', async () => {
    // xz-filter and zstd-19 were made without a checksum, and a header of lz4 or zstd may hold bits without a meaning
    const isChecked = !/^(xz-filter|zstd-19)\./.test(name(packed));
    for (let at = 300; at < packed.length; at += Math.ceil(packed.length / 10)) {
      const damaged = Buffer.from(packed);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      const outcome = await unpack(damaged, codec).catch((error: unknown) => error);
      if (outcome instanceof Buffer) expect(isChecked && !outcome.equals(plain)).toBe(false);
      else expect(outcome).toMatchObject({ code: 'dataCorrupt', message: expect.stringMatching(/^the file /) });
    }
  });

  test('noise behind a good beginning ends in an error', async () => {
    const noise = Buffer.from(
      Array.from({ length: 5000 }, (_, at) => (Math.imul(at + 7, 2_654_435_761) >>> 13) & 0xff),
    );
    for (const keptBytes of [20, 90, 2000]) {
      const outcome = unpack(Buffer.concat([packed.subarray(0, keptBytes), noise]), codec);
      await expect(outcome).rejects.toMatchObject({ code: 'dataCorrupt' });
    }
  });

  function name(bytes: Buffer): string {
    return files.find((file) => file.packed === bytes)?.name ?? '';
  }
});

describe.each(files.filter(({ name }) => /^(bzip2|xz|lz4|snappy)\./.test(name)))(
  'while it reads $name',
  ({ codec, packed }) => {
    test('each chunk is used up before the next is asked for', async () => {
      const shared = Buffer.alloc(5000);
      const source = async function* () {
        for (let at = 0; at < packed.length; at += shared.length) {
          const length = packed.copy(shared, 0, at, at + shared.length);
          yield shared.subarray(0, length);
          shared.fill(0xee);
        }
      };
      const chunks: Buffer[] = [];
      for await (const chunk of decompress(source(), codec, { name: 'the file' })) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(plain)).toBe(true);
    });

    test('a reader that stops early stops the source, and the decoder serves the next one', async () => {
      for (let round = 0; round < 20; round++) {
        let isReturned = false;
        const source = async function* () {
          try {
            for (;;) yield packed;
          } finally {
            isReturned = true;
          }
        };
        for await (const _ of decompress(source(), codec, { name: 'the file' })) break;
        expect(isReturned).toBe(true);
      }
      expect((await unpack(packed, codec)).equals(plain)).toBe(true);
    });

    test('many at once do not get into each other’s way', async () => {
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, index) => unpack(packed, codec, 1000 + 500 * index)),
      );
      expect(all.every((unpacked) => unpacked.equals(plain))).toBe(true);
    });

    test('an error of the source passes through', async () => {
      const broken = new Error('gone');
      const source = async function* () {
        yield packed.subarray(0, 3000);
        await turn();
        throw broken;
      };
      const read = async () => {
        for await (const _ of decompress(source(), codec, { name: 'the file' }));
      };
      await expect(read()).rejects.toBe(broken);
    });
  },
);

test.each([
  ['demanding.xz', 'xz', /needs 2\d\d MiB of memory to unpack, more than the 96 MiB/],
  ['demanding.zst', 'zstd', /needs more memory to unpack than the 128 MiB/],
] as const)('%s asks for more memory than a decoder gets', async (name, codec, message) => {
  const outcome = unpack(readFileSync(new URL(name, FOLDER)), codec);
  await expect(outcome).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
});

test('a bomb unpacks in bounded memory, as far as its reader goes', async () => {
  const bomb = readFileSync(new URL('bomb.bz2', FOLDER));
  expect(bomb.length).toBeLessThan(10_000);
  let unpackedBytes = 0;
  for await (const chunk of decompress(inChunks(bomb, 1000), 'bzip2', { name: 'the file' })) {
    expect(chunk.length).toBeLessThanOrEqual(1 << 18);
    unpackedBytes += chunk.length;
    if (unpackedBytes > 100_000_000) break;
  }
  expect(unpackedBytes).toBeGreaterThan(100_000_000);
});
