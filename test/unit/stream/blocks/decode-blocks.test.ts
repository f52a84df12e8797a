import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { type BlockPool, createBlockPool } from '../../../../src/stream/blocks/block-pool.ts';
import { decodeBlocks } from '../../../../src/stream/blocks/decode-blocks.ts';
import { decode } from '../../../../src/stream/decode/decode.ts';
import { decompress } from '../../../../src/stream/unpack/decompress.ts';
import { plainContent } from '../../../fixtures/codecs/plain.ts';
import { createRandom } from '../../fuzz/random.ts';
import { HELLO, makeBlock, makeStream, NOTHING } from '../../parts/bzip2-maker.ts';

// Decoding takes its time where others are at work, too.
vi.setConfig({ testTimeout: 60_000 });

const plain = plainContent();
/** Made by the programs of these names: streams of several blocks, and of one after the other. */
const REAL = ['bzip2.bz2', 'bzip2-small-blocks.bz2', 'pbzip2.bz2', 'lbzip2.bz2'];
const pool = createBlockPool(2);
afterAll(() => pool.close());

function real(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/codecs/${name}`, import.meta.url));
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Outcome {
  made: Buffer;
  error: OdoError | undefined;
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Outcome> {
  const made: Buffer[] = [];
  try {
    for await (const chunk of chunks) made.push(chunk);
  } catch (error) {
    if (!(error instanceof OdoError)) throw error;
    return { made: Buffer.concat(made), error };
  }
  return { made: Buffer.concat(made), error: undefined };
}

/**
 * Both ways to the same content, and the same end. How much comes of a damaged block before its end depends on how it
 * comes in, for one as for the other.
 */
async function expectTheSame(packed: Buffer, chunkBytes = 5000): Promise<Outcome> {
  const alone = await gather(decode(inChunks(packed, chunkBytes), 'bzip2', 'the file'));
  const shared = await gather(decodeBlocks(inChunks(packed, chunkBytes), pool, 'the file'));
  const common = Math.min(alone.made.length, shared.made.length);
  expect(shared.made.subarray(0, common).equals(alone.made.subarray(0, common))).toBe(true);
  const gist = ({ error }: Outcome) =>
    error && { code: error.code, hint: error.hint, isEarly: error.message.includes('ends early') };
  expect(gist(shared)).toEqual(gist(alone));
  if (!shared.error) expect(shared.made.length).toBe(alone.made.length);
  else expect(shared.error.message).toContain(` after ${shared.made.length} bytes`);
  return shared;
}

describe.each(REAL)('%s', (name) => {
  const packed = real(name);

  test.each([997, 64_000, packed.length])('gives back what was packed, in chunks of %i bytes', async (chunkBytes) => {
    const { made, error } = await gather(decodeBlocks(inChunks(packed, chunkBytes), pool, 'the file'));
    expect(error).toBeUndefined();
    expect(made.equals(plain)).toBe(true);
  });

  test('its blocks are decoded by the threads', async () => {
    let blocks = 0;
    const counting: BlockPool = {
      ...pool,
      decode(block) {
        blocks += 1;
        return pool.decode(block);
      },
    };
    const { made } = await gather(decodeBlocks(inChunks(packed, 5000), counting, 'the file'));
    expect(made.equals(plain)).toBe(true);
    expect(blocks).toBeGreaterThanOrEqual(3);
  });

  test('cut off anywhere, it ends early as it does in one thread', async () => {
    const random = createRandom(7);
    const ends = [0, 1, 3, 4, 5, 10, 14, 20, ...Array.from({ length: 8 }, () => random.below(packed.length))];
    for (const missing of [1, 2, 4, 5, 10, 11, 14]) ends.push(packed.length - missing);
    for (const end of ends) await expectTheSame(packed.subarray(0, end));
  });

  test('with any bit flipped, it fails as it does in one thread', async () => {
    const random = createRandom(11);
    const bits = Array.from({ length: 8 }, () => random.below(8 * packed.length));
    for (let bit = 1; bit < 8 * 20; bit += 23) bits.push(bit, 8 * packed.length - 8 - bit);
    for (const bit of bits) {
      const damaged = Buffer.from(packed);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
      const { error } = await expectTheSame(damaged);
      expect(error?.code).toBe('dataCorrupt');
    }
  });

  test('what follows its end is an error, if it is not another stream', async () => {
    for (const more of ['x', 'BZh9 and more', 'BZh01AY&SY', '\0\0\0\0']) {
      const { error } = await expectTheSame(Buffer.concat([packed, Buffer.from(more)]));
      expect(error?.message).toBe(
        'the file goes on after the end of its bzip2 data, after 2600000 bytes of unpacked bzip2 data',
      );
    }
    for (const more of ['BZ', 'BZh9', 'BZh91AY']) {
      const { error } = await expectTheSame(Buffer.concat([packed, Buffer.from(more)]));
      expect(error?.message).toBe('the file ends early, after 2600000 bytes of unpacked bzip2 data');
    }
  });

  test('other streams may follow, empty ones as well', async () => {
    const streams = [NOTHING, packed, NOTHING, NOTHING, HELLO, packed, HELLO, NOTHING];
    const { made } = await expectTheSame(Buffer.concat(streams));
    expect(made.equals(Buffer.concat([plain, Buffer.from('hello'), plain, Buffer.from('hello')]))).toBe(true);
    const broken = Buffer.concat([packed, HELLO.subarray(0, -1), packed]);
    const { error } = await gather(decodeBlocks(inChunks(broken, 5000), pool, 'the file'));
    expect(error).toMatchObject({
      code: 'dataCorrupt',
      message: 'the file is damaged, after 2600005 bytes of unpacked bzip2 data',
    });
  });

  test('each chunk is used up before the next is asked for', async () => {
    const shared = Buffer.alloc(5000);
    const source = async function* () {
      for (let at = 0; at < packed.length; at += shared.length) {
        yield shared.subarray(0, packed.copy(shared, 0, at, at + shared.length));
        shared.fill(0xee);
      }
    };
    const { made } = await gather(decodeBlocks(source(), pool, 'the file'));
    expect(made.equals(plain)).toBe(true);
  });
});

test('an empty stream alone, and no data at all', async () => {
  expect(await expectTheSame(NOTHING)).toEqual({ made: Buffer.alloc(0), error: undefined });
  expect((await expectTheSame(Buffer.alloc(0))).error?.message).toContain('ends early');
});

describe('blocks of which the packed data', () => {
  const mark = Buffer.from('314159265359', 'hex');
  const end = Buffer.from('177245385090', 'hex');
  const filler = (bytes: number, seed: number) => {
    const random = createRandom(seed);
    return Buffer.from(Array.from({ length: bytes }, () => random.below(253)));
  };
  const words = (bytes: number) => Buffer.alloc(bytes, 'what no mark is in ');

  test.each([
    ['holds nothing special', [words(4000), words(100), words(9000)]],
    ['holds a mark', [Buffer.concat([words(3000), mark, words(2000)]), words(900)]],
    ['holds many marks', [Buffer.alloc(6000, mark), words(900), Buffer.alloc(600, mark)]],
    ['holds the mark of an end', [Buffer.concat([words(3000), end, words(2000)]), words(900)]],
    ['holds both marks', [Buffer.alloc(6000, Buffer.concat([mark, words(30), end])), words(900)]],
    ['holds whole streams', [words(50), Buffer.concat([words(300), HELLO, words(30), HELLO, HELLO]), words(900)]],
    [
      'holds the beginning of another block at its end',
      [Buffer.concat([words(300), HELLO.subarray(4, 20)]), words(900)],
    ],
  ])('%s', async (_, contents) => {
    // each block begins at another bit than the one before
    const blocks = [...contents, ...contents, ...contents].map(makeBlock);
    const expected = Buffer.concat(blocks.map((block) => block.plain));
    const stream = makeStream(blocks);
    for (const chunkBytes of [1, 700, stream.length]) {
      const { made } = await expectTheSame(Buffer.concat([stream, stream]), chunkBytes);
      expect(made.equals(Buffer.concat([expected, expected]))).toBe(true);
    }
    for (let cut = 5; cut < stream.length; cut += Math.ceil(stream.length / 50)) {
      await expectTheSame(stream.subarray(0, cut));
      const damaged = Buffer.from(stream);
      damaged[cut] = (damaged[cut] ?? 0) ^ 0x08;
      await expectTheSame(damaged);
    }
  });

  test('is longer than blocks are, without a mark, ends in the same error', async () => {
    const stream = makeStream([makeBlock(words(3000))]);
    await expectTheSame(Buffer.concat([stream.subarray(0, 2000), filler(6_000_000, 3)]), 100_000);
  });

  test('is anything', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = createRandom(seed);
      const blocks = Array.from({ length: 1 + random.below(6) }, (_, at) =>
        // symbols 2 and above: runs could be longer than a block may be
        makeBlock(filler(1 + random.below(40_000), 100 * seed + at)),
      );
      const { made } = await expectTheSame(makeStream(blocks), 1 + random.below(20_000));
      expect(made.equals(Buffer.concat(blocks.map((block) => block.plain)))).toBe(true);
    }
  });
});

test('several objects are unpacked beside each other by the same threads', async () => {
  const all = await Promise.all(
    Array.from({ length: 9 }, (_, at) =>
      gather(decodeBlocks(inChunks(real(REAL[at % 4] ?? ''), 1000 + 500 * at), pool, 'the file')),
    ),
  );
  expect(all.every(({ made }) => made.equals(plain))).toBe(true);
});

test('a reader that stops early stops the source, and the threads serve the next one', async () => {
  const packed = real('bzip2-small-blocks.bz2');
  for (let round = 0; round < 20; round++) {
    let isReturned = false;
    const source = async function* () {
      try {
        for (;;) yield packed;
      } finally {
        isReturned = true;
      }
    };
    for await (const _ of decompress(source(), 'bzip2', { name: 'the file', blockPool: pool })) break;
    expect(isReturned).toBe(true);
  }
  expect((await gather(decodeBlocks(inChunks(packed, 4000), pool, 'the file'))).made.equals(plain)).toBe(true);
});

test('the signal ends it', async () => {
  const packed = real('bzip2-small-blocks.bz2');
  const controller = new AbortController();
  const source = async function* () {
    for (;;) yield packed;
  };
  const chunks = decompress(source(), 'bzip2', { name: 'the file', blockPool: pool, signal: controller.signal });
  await chunks.next();
  controller.abort();
  expect((await gather(chunks)).error).toMatchObject({ code: 'cancelled' });
});

test('an error of the source passes through', async () => {
  const broken = new OdoError('storeUnreachable', 'gone');
  const source = async function* () {
    yield real('bzip2.bz2').subarray(0, 20_000);
    await turn();
    throw broken;
  };
  expect((await gather(decodeBlocks(source(), pool, 'the file'))).error).toBe(broken);
});

test('a thread that dies is an error, not a wait for ever', async () => {
  const own = createBlockPool(2);
  const source = async function* () {
    for (;;) yield real('bzip2.bz2');
  };
  const chunks = decodeBlocks(source(), own, 'the file');
  await chunks.next();
  await own.close();
  expect((await gather(chunks)).error).toMatchObject({ code: 'bug', message: expect.stringContaining('thread') });
});
