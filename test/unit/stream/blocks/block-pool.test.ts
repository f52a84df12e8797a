import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { type BlockPool, createBlockPool } from '../../../../src/stream/blocks/block-pool.ts';
import {
  type Block,
  type BlockAnswer,
  type BlockRequest,
  PIECES_UNDER_WAY,
} from '../../../../src/stream/blocks/block-protocol.ts';
import { cutBlocks } from '../../../../src/stream/blocks/cut-blocks.ts';

// Decoding takes its time where others are at work, too.
vi.setConfig({ testTimeout: 60_000 });

let pool: BlockPool | undefined;
afterEach(() => pool?.close());

function usePool(threads: number): BlockPool {
  pool = createBlockPool(threads);
  return pool;
}

async function blocksOf(name: string): Promise<Block[]> {
  const packed = readFileSync(new URL(`../../../fixtures/codecs/${name}`, import.meta.url));
  const source = async function* () {
    yield packed;
  };
  const blocks: Block[] = [];
  for await (const { begins, restBits, ...piece } of cutBlocks(source())) {
    if (begins === 'block' && restBits !== undefined) blocks.push({ ...piece, restBits, level: 9 });
  }
  return blocks;
}

test('a thread makes no more of a block than may wait for its taker', async () => {
  const [bomb] = await blocksOf('bomb.bz2');
  const worker = new Worker(new URL('../../../../src/stream/blocks/block-thread.ts', import.meta.url));
  const ask = (request: BlockRequest) => worker.postMessage(request);
  try {
    let pieces = 0;
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (answer: BlockAnswer) => {
        if (answer.is === 'end') return resolve();
        pieces += 1;
        if (pieces < 3) ask({ do: 'more', id: 1 });
        if (pieces === PIECES_UNDER_WAY + 2) ask({ do: 'drop', id: 1 });
      });
      if (bomb) ask({ do: 'decode', id: 1, block: bomb });
    });
    expect(pieces).toBe(PIECES_UNDER_WAY + 2);
  } finally {
    await worker.terminate();
  }
});

test('a block of 45 MB comes whole, and one that nobody wants makes way', async () => {
  const threads = usePool(1);
  const [bomb, another] = await blocksOf('bomb.bz2');
  if (!bomb || !another) throw new Error('no blocks');
  const first = threads.decode(bomb);
  const second = threads.decode(another);
  const third = threads.decode(another);
  let madeBytes = 0;
  for (;;) {
    const made = await first.next();
    if ('isWhole' in made) {
      expect(made.isWhole).toBe(true);
      break;
    }
    madeBytes += made.length;
  }
  expect(madeBytes).toBeGreaterThan(40_000_000);
  second.drop();
  expect(await third.next()).toHaveLength(1 << 18);
});

test('blocks that nobody takes yet do not keep others from those that are taken', async () => {
  const threads = usePool(2);
  const [bomb] = await blocksOf('bomb.bz2');
  if (!bomb) throw new Error('no blocks');
  // two readers that take their blocks in order, with those of the one between those of the other
  const decodings = Array.from({ length: 8 }, () => threads.decode(bomb));
  const read = async (first: number) => {
    let madeBytes = 0;
    for (let at = first; at < decodings.length; at += 2) {
      for (let made = await decodings[at]?.next(); made && !('isWhole' in made); made = await decodings[at]?.next())
        madeBytes += made.length;
    }
    return madeBytes;
  };
  const [even, odd] = await Promise.all([read(0), read(1)]);
  expect(even).toBe(odd);
  expect(even).toBeGreaterThan(4 * 40_000_000);
});

test('a block with the wrong level, or another end than the next mark, is none', async () => {
  const threads = usePool(2);
  const [block] = await blocksOf('bzip2.bz2');
  if (!block) throw new Error('no blocks');
  const outcomeOf = async (changed: Partial<Block>) => {
    const decoding = threads.decode({ ...block, ...changed });
    for (;;) {
      const made = await decoding.next();
      if ('isWhole' in made) return made;
    }
  };
  expect(await outcomeOf({})).toEqual({ isWhole: true, crc: Buffer.from(block.bytes).readUInt32BE(6) });
  expect(await outcomeOf({ level: 1 })).toEqual({ isWhole: false });
  expect(await outcomeOf({ restBits: (block.restBits + 1) % 8 })).toEqual({ isWhole: false });
  expect(await outcomeOf({ bytes: block.bytes.slice(0, -1) })).toEqual({ isWhole: false });
});
