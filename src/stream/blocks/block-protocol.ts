import type { BlockBoundary } from '../decode/decoder.ts';

/** One block of a bzip2 stream; plain data, as it goes to another thread. */
export interface Block {
  level: number;
  /** The bytes from the block's mark to the next mark. */
  bytes: Uint8Array<ArrayBuffer>;
  /** See Piece. */
  sharedBits: number;
  /** See Piece. */
  restBits: BlockBoundary['restBits'];
}

/**
 * A request to a thread that decodes blocks. The thread does them one after the other, in the order in which they come.
 */
export type BlockRequest =
  | { do: 'decode'; id: number; block: Block }
  | { do: 'more'; id: number }
  | { do: 'drop'; id: number };

/** An answer of the thread. The last answer for each block is `end`. */
export type BlockAnswer =
  | { is: 'made'; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { is: 'end'; id: number; outcome: BlockOutcome };

/** The outcome of a block. It is not whole if it is damaged, dropped, or does not end where the next mark is. */
export type BlockOutcome = { isWhole: true; crc: number } | { isWhole: false };

/**
 * How many decoded pieces of a block may wait for their taker. A block is 900 kB, but each of these bytes may stand for
 * fifty.
 */
export const PIECES_UNDER_WAY = 16;
