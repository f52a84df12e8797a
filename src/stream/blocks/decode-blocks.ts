import { type DecodingProgress, damage, startDecoding } from '../decode/decoding.ts';
import type { BlockDecoding, BlockPool } from './block-pool.ts';
import type { BlockOutcome } from './block-protocol.ts';
import { cutBlocks, type Piece } from './cut-blocks.ts';
import { combine, isEndOf, levelBehind } from './stream-ends.ts';

/** How many blocks are read ahead for each thread: one is worked at, one waits for its turn. */
const BLOCKS_AHEAD = 2;
/**
 * The bytes that may be read ahead for each block. This matters only for data that is made to have many pieces that are
 * no blocks.
 */
const MAX_BLOCK_BYTES = 900_000;

/** A piece that has been read ahead. It has a decoding if it was given to a thread. */
interface Ahead {
  piece: Piece;
  level: number;
  decoding: BlockDecoding | undefined;
}

/**
 * The stream that is being read. `level` is the digit of its header, 0 before the first one. `combinedCrc` combines the
 * checksums of its blocks so far.
 */
interface Stream {
  level: number;
  combinedCrc: number;
}

/**
 * Undoes bzip2 as decode() does, with the same errors, by several threads. The data between two marks is taken for a
 * block and decoded ahead. It counts only when everything before was right and ends where it begins. Anything
 * unexpected (a mark within a block, damage, an early end, something else behind the end) is left to a decoder in this
 * thread. That one works from the last place that is certain to the next one.
 */
export async function* decodeBlocks(
  chunks: AsyncIterable<Buffer>,
  pool: BlockPool,
  name: string,
): AsyncGenerator<Buffer, void, void> {
  const pieces = cutBlocks(chunks);
  const ahead: Ahead[] = [];
  let blocksAhead = 0;
  let bytesAhead = 0;
  let levelAhead = 0;
  let isRead = false;

  let progress: DecodingProgress = { producedBytes: 0, sinceLastEnd: undefined };
  let stream: Stream = { level: 0, combinedCrc: 0 };

  try {
    let next = await take();
    if (!next) throw damage(name, 'bzip2', 'ends early', 0);
    for (; next; next = await take()) {
      const { piece, level, decoding }: Ahead = next;
      const isExpected = level === stream.level;
      if (isExpected && decoding) {
        const outcome = yield* finishBlock(decoding);
        if (outcome.isWhole) stream = { level, combinedCrc: combine(stream.combinedCrc, outcome.crc) };
        else yield* goOnAlone(next);
      } else if (isExpected && piece.begins === 'data' && levelBehind(piece) !== undefined) {
        stream = { level: levelBehind(piece) ?? 0, combinedCrc: 0 };
      } else if (isExpected && isEndOf(stream, piece)) {
        progress.sinceLastEnd = 0;
        stream = { level: levelBehind(piece) ?? 0, combinedCrc: 0 };
      } else {
        yield* goOnAlone(next);
      }
    }
  } finally {
    for (const { decoding } of ahead) decoding?.drop();
    await pieces.return();
  }

  /** The next piece. Gives those behind it to the threads, first. */
  async function take(): Promise<Ahead | undefined> {
    const maxBlocks = pool.threads * BLOCKS_AHEAD;
    while (!isRead && blocksAhead < maxBlocks && bytesAhead < maxBlocks * MAX_BLOCK_BYTES) {
      const { done, value: piece } = await pieces.next();
      if (done) isRead = true;
      else ahead.push(begin(piece));
    }
    const next = ahead.shift();
    bytesAhead -= next?.piece.bytes.length ?? 0;
    if (next?.decoding) blocksAhead -= 1;
    return next;
  }

  function begin(piece: Piece): Ahead {
    const level = levelAhead;
    levelAhead = levelBehind(piece) ?? levelAhead;
    const { begins, bytes, sharedBits, restBits } = piece;
    bytesAhead += bytes.length;
    if (begins !== 'block' || restBits === undefined || level === 0) return { piece, level, decoding: undefined };
    blocksAhead += 1;
    return { piece, level, decoding: pool.decode({ level, bytes, sharedBits, restBits }) };
  }

  /**
   * Yields what a block gives. A decoder gives nothing before it has read a whole block. So a piece that has given
   * something is a block, and a failure after that is damage.
   */
  async function* finishBlock(decoding: BlockDecoding): AsyncGenerator<Buffer, BlockOutcome, void> {
    let madeBytes = 0;
    try {
      for (;;) {
        const made = await decoding.next();
        if ('isWhole' in made) {
          if (!made.isWhole && madeBytes > 0) throw damage(name, 'bzip2', 'is damaged', progress.producedBytes);
          return made;
        }
        madeBytes += made.length;
        progress.producedBytes += made.length;
        if (progress.sinceLastEnd !== undefined) progress.sinceLastEnd += made.length;
        yield Buffer.from(made.buffer);
      }
    } finally {
      decoding.drop();
    }
  }

  /** Decodes in this thread, from this piece to the first mark at which a block or the end of a stream has to come. */
  async function* goOnAlone(first: Ahead): AsyncGenerator<Buffer, void, void> {
    const { begins, bytes, sharedBits } = first.piece;
    const from = { ...progress, boundary: { ...stream, restBits: sharedBits }, sharedByte: bytes[0] ?? 0 };
    const alone = startDecoding('bzip2', name, begins === 'data' ? undefined : from);
    try {
      for (let next: Ahead | undefined = first; next; next = await take()) {
        next.decoding?.drop();
        const { piece } = next;
        yield* alone.feed(Buffer.from(piece.bytes.buffer, piece.sharedBits > 0 ? 1 : 0));
        const boundary = alone.boundary();
        if (boundary === undefined || boundary.restBits !== piece.restBits) continue;
        progress = alone.progress();
        stream = boundary;
        return;
      }
      yield* alone.end();
    } finally {
      alone.release();
    }
  }
}
