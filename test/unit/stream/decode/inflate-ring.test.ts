import { randomBytes, randomInt } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CHUNKS_HELD } from '../../../../src/stream/decode/inflate-ring.ts';
import { decompress } from '../../../../src/stream/unpack/decompress.ts';
import { INFLATERS } from '../../parts/inflaters.ts';

const name = 's3://bucket/base.tar.gz';

async function* inChunks(bytes: Buffer, size: () => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + size();
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Bytes that pack in many ways: noise, runs, short and long periods, text, and what came long before. */
function mixture(bytes: number): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const size = randomInt(1, 70_000);
    const before = pieces[randomInt(0, pieces.length + 1)];
    const kinds = [
      () => randomBytes(size),
      () => Buffer.alloc(size, randomInt(256)),
      () => Buffer.alloc(size, randomBytes(randomInt(1, 40))),
      () => Buffer.from(randomBytes(size >> 1).toString('hex')),
      () => before ?? Buffer.alloc(1),
    ];
    const piece = kinds[randomInt(kinds.length)]?.() ?? Buffer.alloc(0);
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces);
}

describe.each(INFLATERS)('by %s', (_name, inRing) => {
  async function inflate(packed: Buffer, size = () => 1 << 16): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of decompress(inChunks(packed, size), 'gzip', { name, inRing }))
      chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  describe('inflates what zlib has packed', () => {
    const strategies = ['Z_DEFAULT_STRATEGY', 'Z_FILTERED', 'Z_HUFFMAN_ONLY', 'Z_RLE', 'Z_FIXED'] as const;

    test.each(strategies)('by %s at every level', async (strategy) => {
      for (let level = 0; level <= 9; level++) {
        const plain = mixture(3_000_000);
        const packed = zlib.gzipSync(plain, { level, strategy: zlib.constants[strategy], memLevel: (level % 9) + 1 });
        const inflated = await inflate(packed, () => randomInt(1, 400_000));
        expect(inflated.equals(plain), `level ${level}`).toBe(true);
      }
    });

    test('in chunks of a few bytes', async () => {
      const plain = mixture(300_000);
      const inflated = await inflate(zlib.gzipSync(plain), () => randomInt(1, 40));
      expect(inflated.equals(plain)).toBe(true);
    });

    test('with sync flushes in it', async () => {
      const plain = mixture(2_000_000);
      const gzip = zlib.createGzip();
      const packed: Buffer[] = [];
      gzip.on('data', (chunk: Buffer) => packed.push(chunk));
      for (let at = 0; at < plain.length; at += 100_000) {
        gzip.write(plain.subarray(at, at + 100_000));
        await new Promise<void>((resolve) => gzip.flush(zlib.constants.Z_SYNC_FLUSH, resolve));
      }
      await new Promise<void>((resolve) => gzip.once('end', resolve).end());
      expect((await inflate(Buffer.concat(packed), () => 4_001)).equals(plain)).toBe(true);
    });
  });

  test('passes over everything that a header may hold, however it is cut', async () => {
    const plain = Buffer.from('what is in the file');
    const bare = zlib.gzipSync(plain);
    // RFC 1952: FTEXT, FEXTRA, FNAME and FCOMMENT, and then FHCRC, too
    const optional = Buffer.concat([
      Buffer.from([5, 0]),
      Buffer.from('extra'),
      Buffer.from('name\0'),
      Buffer.from('a comment\0'),
    ]);
    const withFlags = (flags: number) =>
      Buffer.concat([bare.subarray(0, 3), Buffer.from([flags]), bare.subarray(4, 10), optional]);
    const checked = withFlags(0b11111);
    const checksum = Buffer.alloc(2);
    checksum.writeUInt16LE(zlib.crc32(checked) & 0xffff);
    const wrong = Buffer.from([checksum.readUInt8(0) ^ 1, checksum.readUInt8(1)]);
    const rest = bare.subarray(10);
    for (let size = 1; size < 70; size++) {
      expect(await inflate(Buffer.concat([withFlags(0b11101), rest]), () => size)).toEqual(plain);
      expect(await inflate(Buffer.concat([checked, checksum, rest]), () => size)).toEqual(plain);
      await expect(inflate(Buffer.concat([checked, wrong, rest]), () => size)).rejects.toMatchObject({
        code: 'dataCorrupt',
      });
    }
  });

  test('never gives damaged data for whole', async () => {
    const plain = mixture(400_000);
    const packed = zlib.gzipSync(plain);
    for (let round = 0; round < 300; round++) {
      const damaged = Buffer.from(packed);
      // The header's time, flags of no effect and system say nothing of the content.
      const at = randomInt(10, packed.length);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << randomInt(8)), at);
      const inflated = await inflate(damaged).catch((error: unknown) => error);
      // A flipped bit may even name another copy of the same bytes.
      if (inflated instanceof Buffer) expect(inflated.equals(plain)).toBe(true);
      else expect(inflated).toMatchObject({ code: 'dataCorrupt', message: expect.stringContaining(name) });
    }
  });

  test('a match that reaches back before the beginning is an error', async () => {
    // A block of fixed codes with a length of 3 at a distance of 1, and nothing before it.
    const body = Buffer.from([0b0000_0011, 0b0000_0010, 0]);
    const packed = Buffer.concat([zlib.gzipSync('').subarray(0, 10), body, Buffer.alloc(1000)]);
    await expect(inflate(packed)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('is damaged'),
    });
  });

  test('says what a wrong checksum or size is', async () => {
    for (const fromEnd of [8, 4]) {
      const packed = zlib.gzipSync(mixture(100_000));
      packed.writeUInt8(packed.readUInt8(packed.length - fromEnd) ^ 1, packed.length - fromEnd);
      await expect(inflate(packed)).rejects.toMatchObject({ message: expect.stringContaining('incorrect data check') });
    }
  });

  test('a chunk stays as it is until so many others have come', async () => {
    const plain = mixture(12 << 20);
    const held: Buffer[] = [];
    let at = 0;
    for await (const chunk of decompress(
      inChunks(zlib.gzipSync(plain), () => 1 << 17),
      'gzip',
      { name, inRing },
    )) {
      expect(chunk.buffer).toBeInstanceOf(SharedArrayBuffer);
      held.push(chunk);
      if (held.length <= CHUNKS_HELD) continue;
      const oldest = held.shift() as Buffer;
      expect(oldest.equals(plain.subarray(at, at + oldest.length))).toBe(true);
      at += oldest.length;
    }
    for (const chunk of held) {
      expect(chunk.equals(plain.subarray(at, at + chunk.length))).toBe(true);
      at += chunk.length;
    }
    expect(at).toBe(plain.length);
  });

  test('what came before a source that fails is handed on first', async () => {
    const plain = randomBytes(300_000);
    const source = async function* () {
      yield zlib.gzipSync(plain).subarray(0, 200_000);
      throw new Error('gone');
    };
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of decompress(source(), 'gzip', { name, inRing })) chunks.push(Buffer.from(chunk));
    })();
    await expect(reading).rejects.toThrow('gone');
    const got = Buffer.concat(chunks);
    expect(got.length).toBeGreaterThan(100_000);
    expect(got.equals(plain.subarray(0, got.length))).toBe(true);
  });

  test('several may go on at the same time', async () => {
    const plains = Array.from({ length: 4 }, () => mixture(3_000_000));
    const inflated = await Promise.all(plains.map((plain) => inflate(zlib.gzipSync(plain), () => 10_000)));
    for (const [index, plain] of plains.entries()) expect(inflated[index]?.equals(plain)).toBe(true);
  });
});
