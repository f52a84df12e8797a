import { setImmediate as otherWork } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { damage } from './decoding.ts';
import { INFLATE_WASM } from './inflate-wasm.ts';
import { expectPadding, nextChunk } from './input.ts';
import { compileWasm, createSharedMemory, instantiateWasm } from './webassembly.ts';

/** How many of its chunks a taker may hold at a time; the one that is being filled comes on top. */
export const CHUNKS_HELD = 4;
const CHUNK_BYTES = 1 << 20;
const INPUT_BYTES = 1 << 18;
/** The module's own, its stack, and what goes in and comes out. */
const MEMORY_BYTES = 8 << 20;

/** The exports of scripts/decoders/inflate.c. */
interface Exports {
  readonly __heap_base: { value: number };
  begin(): void;
  /** 1: the member is whole; 0: it goes on; less: it is damaged. */
  step(input: number, inputBytes: number, output: number, outputBytes: number): number;
  left_bytes(): number;
  made_bytes(): number;
  content_crc32(): number;
  content_bytes(): number;
}

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

/** One inflater and the memory it works in. */
interface Ring {
  wasm: Exports;
  inputAt: number;
  input: Uint8Array;
  /** The next chunk to be filled, and where it begins. */
  take(): { at: number; chunk: Buffer };
}

let idle: Ring | undefined;

/**
 * Inflates gzip in this thread, which is a quarter cheaper than what Node has, into a ring of chunks in memory that threads share: a chunk costs
 * neither allocation nor copying, may be seen by another thread, and is overwritten when CHUNKS_HELD others have come after it. Members that follow
 * one another read as one; zero bytes after the last are padding. Throws dataCorrupt as decompress() does. Of each thread's, one at a time has the
 * ring.
 */
export async function* inflateInRing(
  input: AsyncIterator<Buffer>,
  head: Buffer,
  name: string,
): AsyncGenerator<Buffer, void, void> {
  const ring = idle ?? createRing();
  idle = undefined;
  const { wasm } = ring;
  let slot = ring.take();
  let filled = 0;
  let producedBytes = 0;
  /** Of the member. */
  let crc = 0;
  let memberBytes = 0;
  let isWhole = false;

  function begin(): void {
    wasm.begin();
    crc = 0;
    memberBytes = 0;
    isWhole = false;
  }

  /** Gives how much of the input it has used. */
  function step(at: number, bytes: number): number {
    const state = wasm.step(at, bytes, slot.at + filled, CHUNK_BYTES - filled);
    const made = wasm.made_bytes();
    crc = crc32(slot.chunk.subarray(filled, filled + made), crc);
    filled += made;
    producedBytes += made;
    memberBytes += made;
    if (state < 0) throw damage(name, 'gzip', `is damaged: ${FAULTS[state] ?? state}`, producedBytes);
    isWhole = state === 1;
    if (isWhole && (crc !== wasm.content_crc32() >>> 0 || memberBytes % 2 ** 32 !== wasm.content_bytes() >>> 0)) {
      throw damage(name, 'gzip', 'is damaged: incorrect data check', producedBytes);
    }
    return bytes - wasm.left_bytes();
  }

  try {
    begin();
    for (let chunk: Buffer | undefined = head; chunk; chunk = await nextChunk(input)) {
      for (let at = 0; at < chunk.length; ) {
        if (isWhole && chunk[at] !== GZIP_FIRST_BYTE) {
          if (filled > 0) yield slot.chunk.subarray(0, filled);
          filled = 0;
          return await expectPadding(chunk.subarray(at), input, name);
        }
        if (isWhole) begin();
        const piece = chunk.subarray(at, at + INPUT_BYTES);
        ring.input.set(piece);
        let used = 0;
        for (let isDry = false; !isDry && !isWhole; ) {
          used += step(ring.inputAt + used, piece.length - used);
          isDry = filled < CHUNK_BYTES;
          if (isDry) continue;
          yield slot.chunk;
          slot = ring.take();
          filled = 0;
          // Requests and signals get their turn.
          await otherWork();
        }
        if (used === 0) throw damage(name, 'gzip', 'is damaged', producedBytes);
        at += used;
      }
    }
    if (!isWhole) throw damage(name, 'gzip', 'ends early', producedBytes);
    if (filled > 0) yield slot.chunk.subarray(0, filled);
  } catch (error) {
    // What came before the fault is good for a run that goes on from it.
    if (filled > 0) yield slot.chunk.subarray(0, filled);
    throw error;
  } finally {
    idle = ring;
  }
}

function createRing(): Ring {
  const memory = createSharedMemory(MEMORY_BYTES);
  const wasm = instantiateWasm<Exports>(compileWasm(INFLATE_WASM), { env: { memory } });
  const inputAt = wasm.__heap_base.value;
  const slots = Array.from({ length: CHUNKS_HELD + 1 }, (_, index) => {
    const at = inputAt + INPUT_BYTES + index * CHUNK_BYTES;
    return { at, chunk: Buffer.from(memory.buffer, at, CHUNK_BYTES) };
  });
  let next = 0;
  return {
    wasm,
    inputAt,
    input: new Uint8Array(memory.buffer, inputAt, INPUT_BYTES),
    take() {
      const slot = slots[next++ % slots.length];
      if (!slot) throw new Error('the ring has no chunks');
      return slot;
    },
  };
}
