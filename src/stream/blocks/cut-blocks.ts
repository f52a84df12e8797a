import { findMark, MARK_BYTES, type Mark } from './block-marks.ts';

/** A piece of bzip2 data, from one mark to the next. Where a mark begins within a byte, both pieces have that byte. */
export interface Piece {
  begins: 'data' | Mark['kind'] | 'within';
  bytes: Uint8Array<ArrayBuffer>;
  /** How many bits of the first byte belong to this piece, if the piece before has that byte, too. Otherwise 0. */
  sharedBits: number;
  /** How many bits of the last byte are the next piece's; undefined when no mark follows. */
  restBits: number | undefined;
}

/**
 * The longest piece: more than a block takes, which is 900,000 symbols of 20 bits and their tables. Data without marks
 * is cut there.
 */
const MAX_PIECE_BYTES = 2_500_000;

/**
 * Cuts bzip2 data before everything that looks like the mark of a block or of a stream's end. Each chunk is done with
 * before the next is asked for. No piece is much longer than the longest block or, beyond that, than a chunk.
 */
export async function* cutBlocks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece, void, void> {
  let held = Buffer.allocUnsafeSlow(1 << 20);
  let start = 0;
  let end = 0;
  let searched = 0;
  let begins: Piece['begins'] = 'data';
  let sharedBits = 0;

  for await (const chunk of chunks) {
    makeRoom(chunk.length);
    end += chunk.copy(held, end);
    for (let mark = search(); mark; mark = search()) {
      const sharesByte = mark.bitsBefore > 0;
      yield cut(mark.byte + (sharesByte ? 1 : 0), sharesByte ? 8 - mark.bitsBefore : 0);
      start = mark.byte;
      searched = mark.byte + 1;
      begins = mark.kind;
      sharedBits = sharesByte ? 8 - mark.bitsBefore : 0;
    }
    searched = Math.max(searched, end - MARK_BYTES + 1);
    if (searched - start < MAX_PIECE_BYTES) continue;
    yield cut(searched, undefined);
    start = searched;
    begins = 'within';
    sharedBits = 0;
  }
  if (end > start) yield cut(end, undefined);

  function search(): Mark | undefined {
    return findMark(held, searched, end);
  }

  function cut(to: number, restBits: number | undefined): Piece {
    return { begins, bytes: new Uint8Array(held.subarray(start, to)), sharedBits, restBits };
  }

  function makeRoom(bytes: number): void {
    if (end + bytes <= held.length) return;
    const keptBytes = end - start;
    const roomy = 2 * (keptBytes + bytes) > held.length ? Buffer.allocUnsafeSlow(2 * (keptBytes + bytes)) : held;
    held.copy(roomy, 0, start, end);
    held = roomy;
    searched -= start;
    start = 0;
    end = keptBytes;
  }
}
