import type { BlockBoundary } from '../decode/decoder.ts';

/** One block of a bzip2 stream; plain data, as it goes to another thread. */
export interface Block {
  level: number;
  /** From its mark to the next one, and which bits of the first and last byte are its own; see Piece. */
  bytes: Uint8Array<ArrayBuffer>;
  sharedBits: number;
  restBits: BlockBoundary['restBits'];
}

/** What a thread that decodes blocks is told. It does them one after the other, in the order in which they come. */
export type BlockRequest =
  | { do: 'decode'; id: number; block: Block }
  | { do: 'more'; id: number }
  | { do: 'drop'; id: number };

/** What it answers; for each block the last answer is `end`. */
export type BlockAnswer =
  | { is: 'made'; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { is: 'end'; id: number; outcome: BlockOutcome };

/**
 * What has become of a block: its checksum, or that it is none: damaged, dropped, or not ended where the next mark is.
 */
export type BlockOutcome = { isWhole: true; crc: number } | { isWhole: false };

/**
 * How many pieces of what a block gives may wait for their taker; a block is 900 kB, but each of them may stand for
 * fifty times as many.
 */
export const PIECES_UNDER_WAY = 16;
