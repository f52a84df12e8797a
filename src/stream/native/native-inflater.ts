import type { Inflater } from './inflater.ts';
import type { Native } from './native.ts';

/** The numbers that stand first in an inflater of native/native.c. */
const NUMBERS = 6;

/** ISA-L's decoder in assembly language. */
export function createNativeInflater(native: Native, chunks: number, chunkBytes: number): Inflater {
  const memory = new SharedArrayBuffer(chunks * chunkBytes);
  const inflater = new Uint8Array(native.inflaterBytes);
  const numbers = new Uint32Array(inflater.buffer, 0, NUMBERS);
  let inputBytes = 0;
  return {
    chunks: Array.from({ length: chunks }, (_, index) => Buffer.from(memory, index * chunkBytes, chunkBytes)),
    begin: () => native.begin(inflater),
    step(input, from, chunk, at) {
      inputBytes = input.length - from;
      return native.step(inflater, input, from, chunk, at);
    },
    usedBytes: () => inputBytes - numberAt(0),
    madeBytes: () => numberAt(1),
    isIntact: () => numberAt(2) === numberAt(4) && numberAt(3) === numberAt(5),
  };

  function numberAt(index: number): number {
    return numbers[index] as number;
  }
}
