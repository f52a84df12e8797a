import type { Piece } from './cut-blocks.ts';

/** The end of a stream: a mark and a checksum. */
const END_BITS = 80;
const HEADER_BYTES = 4;

/**
 * The digit of the stream header that ends the piece. undefined if the piece holds anything before it but the end of a
 * stream.
 */
export function levelBehind({ begins, bytes, sharedBits, restBits }: Piece): number | undefined {
  if (begins !== 'data' && begins !== 'end') return undefined;
  const endBytes = begins === 'data' ? 0 : lengthOfEnd(sharedBits);
  if (restBits !== 0 || bytes.length !== endBytes + HEADER_BYTES) return undefined;
  const digit = /^BZh([1-9])$/.exec(Buffer.from(bytes.subarray(endBytes)).toString('latin1'))?.[1];
  return digit === undefined ? undefined : Number(digit);
}

/**
 * Whether the piece is the end of a stream with this checksum, and then that of the data, or another stream's header.
 */
export function isEndOf({ combinedCrc }: { combinedCrc: number }, piece: Piece): boolean {
  const { begins, bytes, sharedBits, restBits } = piece;
  if (begins !== 'end' || bytes.length < lengthOfEnd(sharedBits)) return false;
  const isLast = restBits === undefined && bytes.length === lengthOfEnd(sharedBits);
  return (isLast || levelBehind(piece) !== undefined) && checksumOf(bytes, sharedBits) === combinedCrc;
}

/** Adds the checksum of a block to the combined one of its stream. */
export function combine(combinedCrc: number, blockCrc: number): number {
  return (((combinedCrc << 1) | (combinedCrc >>> 31)) ^ blockCrc) >>> 0;
}

function lengthOfEnd(sharedBits: number): number {
  return Math.ceil((bitsBefore(sharedBits) + END_BITS) / 8);
}

function bitsBefore(sharedBits: number): number {
  return sharedBits === 0 ? 0 : 8 - sharedBits;
}

/** The checksum of a stream: the 32 bits behind the mark. */
function checksumOf(bytes: Uint8Array, sharedBits: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(6, 11);
  const shift = bitsBefore(sharedBits);
  return ((((a << 24) | (b << 16) | (c << 8) | d) << shift) | (e >> (8 - shift))) >>> 0;
}
