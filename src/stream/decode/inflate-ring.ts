import { setImmediate as otherWork } from 'node:timers/promises';
import { expectPadding, nextChunk } from '../bytes/input.ts';
import { createInflater } from '../native/choose-inflater.ts';
import type { CreateInflater, Inflater } from '../native/inflater.ts';
import { damage } from './decoding.ts';

/**
 * How many chunks a taker may hold at a time, beside the one that is being filled. With a quarter as many, a disk that
 * holds up the taker for some milliseconds holds up the inflating, and the whole takes 5 % longer.
 */
export const CHUNKS_HELD = 16;
const CHUNK_BYTES = 1 << 19;

const GZIP_FIRST_BYTE = 0x1f;
/** ISA-L's numbers for what is wrong, igzip_lib.h. */
const FAULTS: Readonly<Record<number, string>> = {
  [-1]: 'invalid block',
  [-2]: 'invalid symbol',
  [-3]: 'invalid distance',
  [-4]: 'incorrect header',
  [-5]: 'unknown compression method',
  [-6]: 'incorrect header checksum',
};

/** One inflater whose chunks are filled in turn. */
interface Ring {
  inflater: Inflater;
  take(): Buffer;
}

let idle: Ring | undefined;

/**
 * Inflates gzip in this thread, far cheaper than Node does, into a ring of chunks in memory that threads share. A chunk
 * costs neither allocation nor copying, and another thread may see it. It is overwritten when CHUNKS_HELD others have
 * come after it. Members that follow one another read as one. Zero bytes after the last member are padding.
 * `dataCorrupt` as in decompress().
 */
export async function* inflateInRing(
  input: AsyncIterator<Buffer>,
  head: Buffer,
  name: string,
  create?: CreateInflater,
): AsyncGenerator<Buffer, void, void> {
  const ring = create ? createRing(create) : (idle ?? createRing(createInflater));
  if (ring === idle) idle = undefined;
  const { inflater } = ring;
  let chunk = ring.take();
  let filled = 0;
  let producedBytes = 0;
  let isWhole = false;

  /** Gives the number of input bytes that were used. */
  function step(packed: Buffer, at: number): number {
    const state = inflater.step(packed, at, chunk, filled);
    const usedBytes = inflater.usedBytes();
    const madeBytes = inflater.madeBytes();
    filled += madeBytes;
    producedBytes += madeBytes;
    isWhole = state === 1;
    if (state < 0) throw damage(name, 'gzip', `is damaged: ${FAULTS[state] ?? state}`, producedBytes);
    if (isWhole && !inflater.isIntact()) throw damage(name, 'gzip', 'is damaged: incorrect data check', producedBytes);
    if (!isWhole && usedBytes === 0 && madeBytes === 0 && at < packed.length)
      throw damage(name, 'gzip', 'is damaged', producedBytes);
    return usedBytes;
  }

  try {
    inflater.begin();
    for (let packed: Buffer | undefined = head; packed; packed = await nextChunk(input)) {
      for (let at = 0, isDry = false; !isDry; ) {
        if (isWhole && at === packed.length) break;
        if (isWhole && packed[at] !== GZIP_FIRST_BYTE) {
          if (filled > 0) yield chunk.subarray(0, filled);
          filled = 0;
          return await expectPadding(packed.subarray(at), input, name);
        }
        if (isWhole) inflater.begin();
        at += step(packed, at);
        isDry = at === packed.length && filled < CHUNK_BYTES;
        if (filled < CHUNK_BYTES) continue;
        yield chunk;
        chunk = ring.take();
        filled = 0;
        // Requests and signals get their turn.
        await otherWork();
      }
    }
    if (!isWhole) throw damage(name, 'gzip', 'ends early', producedBytes);
    if (filled > 0) yield chunk.subarray(0, filled);
  } catch (error) {
    // The content before the fault is good for a run that goes on from there.
    if (filled > 0) yield chunk.subarray(0, filled);
    throw error;
  } finally {
    if (!create) idle = ring;
  }
}

function createRing(create: CreateInflater): Ring {
  const inflater = create(CHUNKS_HELD + 1, CHUNK_BYTES);
  let next = 0;
  return {
    inflater,
    take() {
      const chunk = inflater.chunks[next++ % inflater.chunks.length];
      if (!chunk) throw new Error('the ring has no chunks');
      return chunk;
    },
  };
}
