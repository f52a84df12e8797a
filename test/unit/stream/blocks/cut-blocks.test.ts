import { expect, test, vi } from 'vitest';
import { findMark } from '../../../../src/stream/blocks/block-marks.ts';
import { cutBlocks, type Piece } from '../../../../src/stream/blocks/cut-blocks.ts';
import { createRandom } from '../../fuzz/random.ts';

// Decoding takes its time where others are at work, too.
vi.setConfig({ testTimeout: 60_000 });

const MARKS = { block: 0x314159265359n, end: 0x177245385090n };
const random = createRandom(5);

/** Noise with marks at these bits. */
function withMarks(bytes: number, marks: readonly { kind: keyof typeof MARKS; bit: number }[]): Buffer {
  let bits = [...Array(bytes)].map(() => random.below(256).toString(2).padStart(8, '0')).join('');
  for (const { kind, bit } of marks) {
    bits = bits.slice(0, bit) + MARKS[kind].toString(2).padStart(48, '0') + bits.slice(bit + 48);
  }
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function cut(bytes: Buffer, size: number): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of cutBlocks(inChunks(bytes, size))) pieces.push(piece);
  return pieces;
}

test.each(['block', 'end'] as const)('finds the mark of a %s at every bit, once it is whole', (kind) => {
  for (let bit = 0; bit < 64; bit++) {
    const bytes = withMarks(30, [{ kind, bit }]);
    const mark = { kind, byte: bit >> 3, bitsBefore: bit & 7 };
    expect(findMark(bytes, 0, bytes.length)).toEqual(mark);
    expect(findMark(bytes, bit >> 3, Math.ceil((bit + 48) / 8))).toEqual(mark);
    expect(findMark(bytes, (bit >> 3) + 1, bytes.length)).toBeUndefined();
    expect(findMark(bytes, 0, Math.ceil((bit + 48) / 8) - 1)).toBeUndefined();
  }
});

test('cuts at the marks, in whatever chunks they come', async () => {
  for (let round = 0; round < 40; round++) {
    const marks = Array.from({ length: 6 }, (_, at) => ({
      kind: random.pick(['block', 'end'] as const),
      bit: 32 + at * 900 + random.below(800),
    }));
    const bytes = withMarks(700, marks);
    for (const size of [1, 2, 5, 6, 7, 8, 64, 700]) {
      const pieces = await cut(bytes, size);
      expect(pieces.map(({ begins }) => begins)).toEqual(['data', ...marks.map(({ kind }) => kind)]);
      let bit = 0;
      for (const [at, { bytes: piece, sharedBits, restBits }] of pieces.entries()) {
        expect(bit).toBe(marks[at - 1]?.bit ?? 0);
        expect(sharedBits).toBe((8 - (bit & 7)) & 7);
        expect(bytes.subarray(bit >> 3, (bit >> 3) + piece.length).equals(piece)).toBe(true);
        expect(restBits === undefined).toBe(at === marks.length);
        bit = 8 * ((bit >> 3) + piece.length) - (restBits ?? 0);
      }
      expect(bit).toBe(8 * bytes.length);
    }
  }
});

test('what holds no mark comes in pieces of bounded length, and nothing is lost', async () => {
  const bytes = Buffer.concat([Buffer.alloc(9_000_000, 'no mark '), withMarks(700, [{ kind: 'block', bit: 1003 }])]);
  const pieces = await cut(bytes, 100_000);
  expect(pieces.map(({ begins }) => begins)).toEqual(['data', 'within', 'within', 'within', 'block']);
  expect(Math.max(...pieces.map((piece) => piece.bytes.length))).toBeLessThan(2_700_000);
  // the last two share the byte in which the mark begins
  expect(pieces.reduce((sum, piece) => sum + piece.bytes.length, 0)).toBe(bytes.length + 1);
  expect(pieces.at(-2)?.restBits).toBe(5);
});
