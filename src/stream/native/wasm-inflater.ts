import { crc32 } from 'node:zlib';
import { INFLATE_WASM } from '../../../native/inflate-wasm.ts';
import type { Inflater } from './inflater.ts';
import { compileWasm, createSharedMemory, instantiateWasm } from './webassembly.ts';

const INPUT_BYTES = 1 << 18;
/** The module's own memory, with its stack. */
const PROGRAM_BYTES = 2 << 20;

/** The exports of native/inflate.c. */
interface Exports {
  readonly __heap_base: { value: number };
  begin(): void;
  step(input: number, inputBytes: number, output: number, outputBytes: number): number;
  left_bytes(): number;
  made_bytes(): number;
  said_crc32(): number;
  said_bytes(): number;
}

/** ISA-L's portable decoder, with a fast loop for WebAssembly, in a module whose memory threads share. */
export function createWasmInflater(chunks: number, chunkBytes: number): Inflater {
  const memory = createSharedMemory(PROGRAM_BYTES + chunks * chunkBytes);
  const wasm = instantiateWasm<Exports>(compileWasm(INFLATE_WASM), { env: { memory } });
  const inputAt = wasm.__heap_base.value;
  const chunksAt = inputAt + INPUT_BYTES;
  const room = new Uint8Array(memory.buffer, inputAt, INPUT_BYTES);
  let inputBytes = 0;
  /** The checksum of the member so far. */
  let crc = 0;
  /** The length of the member so far. */
  let bytes = 0;
  return {
    chunks: Array.from({ length: chunks }, (_, index) =>
      Buffer.from(memory.buffer, chunksAt + index * chunkBytes, chunkBytes),
    ),
    begin() {
      wasm.begin();
      crc = 0;
      bytes = 0;
    },
    step(input, from, chunk, at) {
      const piece = input.subarray(from, from + INPUT_BYTES);
      room.set(piece);
      inputBytes = piece.length;
      const state = wasm.step(inputAt, inputBytes, chunk.byteOffset + at, chunk.length - at);
      const made = wasm.made_bytes();
      // Node's CRC-32 is faster than the module's.
      crc = crc32(chunk.subarray(at, at + made), crc);
      bytes = (bytes + made) % 2 ** 32;
      return state;
    },
    usedBytes: () => inputBytes - wasm.left_bytes(),
    madeBytes: () => wasm.made_bytes(),
    isIntact: () => crc === wasm.said_crc32() >>> 0 && bytes === wasm.said_bytes() >>> 0,
  };
}
