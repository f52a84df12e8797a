import { takeDecoder } from '../../../src/stream/decode/decoder.ts';

/** What `bzip2` makes of "hello": a stream of one block, without a byte above 0xfc behind its header. */
export const HELLO = Buffer.from(
  '425a68393141592653591931653d00000081000244a000219a68334d07338bb9229c28480c98b29e80',
  'hex',
);
/** What `bzip2` makes of nothing. */
export const NOTHING = Buffer.from('425a683917724538509000000000', 'hex');

/** A block of which the packed data is known, and what it unpacks to. */
export interface MadeBlock {
  bits: string;
  crc: number;
  plain: Buffer;
}

/**
 * A block whose packed data is `packed`, byte for byte, from some bit on: its Huffman codes are such that a byte up to
 * 0xfc stands for the symbol two above it. What that unpacks to is for the decoder to say. It may hold anything, also
 * what looks like a mark.
 */
export function makeBlock(packed: Buffer): MadeBlock {
  const guess = assemble(packed, 0);
  const decoder = takeDecoder();
  decoder.begin('bzip2');
  const { made } = decoder.step(toBytes(`${HEADER}${guess}`), false);
  const plain = Buffer.from(made);
  decoder.release();
  const crc = crcOf(plain);
  return { bits: assemble(packed, crc), crc, plain };
}

/** A stream of these blocks. */
export function makeStream(blocks: readonly MadeBlock[]): Buffer {
  const combined = blocks.reduce((before, { crc }) => (((before << 1) | (before >>> 31)) ^ crc) >>> 0, 0);
  return toBytes(
    `${HEADER}${blocks.map(({ bits }) => bits).join('')}${number(0x177245385090, 48)}${number(combined, 32)}`,
  );
}

const HEADER = [...Buffer.from('BZh9')].map((byte) => number(byte, 8)).join('');
const SYMBOLS = 258;
const GROUP = 50;

function assemble(packed: Buffer, crc: number): string {
  const symbols = packed.length + 1;
  const selectors = Math.ceil(symbols / GROUP);
  const table = codeLengths();
  return [
    number(0x314159265359, 48),
    number(crc, 32),
    '0', // not randomised
    number(0, 24), // where the original begins in the sorted text
    '1'.repeat(16 + 256), // all bytes are in use
    number(2, 3), // two tables, of which only the first is used
    number(selectors, 15),
    '0'.repeat(selectors),
    table,
    table,
    ...[...packed].map((byte) => number(byte, 8)),
    END_OF_BLOCK,
  ].join('');
}

// The shorter codes come first, in the order of their symbols: 253 of 8 bits, and then those of 10 for the two of runs,
// 255, 256 and this.
const END_OF_BLOCK = number(4 * 253 + 4, 10);

function codeLengths(): string {
  const lengths = Array.from({ length: SYMBOLS }, (_, symbol) => (symbol >= 2 && symbol <= 254 ? 8 : 10));
  let length = 10;
  const steps = lengths.map((wanted) => {
    const way = wanted > length ? '10'.repeat(wanted - length) : '11'.repeat(length - wanted);
    length = wanted;
    return `${way}0`;
  });
  return `${number(10, 5)}${steps.join('')}`;
}

function number(value: number, bits: number): string {
  return value.toString(2).padStart(bits, '0');
}

function toBytes(bits: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = Number.parseInt(bits.slice(8 * at, 8 * at + 8).padEnd(8, '0'), 2);
  return bytes;
}

/** bzip2's checksum: CRC-32 with the highest bit first. */
function crcOf(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return ~crc >>> 0;
}
