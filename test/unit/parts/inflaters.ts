import type { CreateInflater } from '../../../src/stream/native/inflater.ts';
import { loadNative, type Native } from '../../../src/stream/native/native.ts';
import { createNativeInflater } from '../../../src/stream/native/native-inflater.ts';
import { createWasmInflater } from '../../../src/stream/native/wasm-inflater.ts';

/** The native code, which every machine that runs these tests is expected to be able to load. */
export function needNative(): Native {
  const native = loadNative();
  if (!native)
    throw new Error('the native code does not load here: it needs Linux, x86-64 and AVX2, and ODO_NATIVE not to be 0');
  return native;
}

/** Whatever inflates gzip in a ring: all of them have to do the same. */
export const INFLATERS: [name: string, create: CreateInflater][] = [
  ['native code', (chunks, chunkBytes) => createNativeInflater(needNative(), chunks, chunkBytes)],
  ['WebAssembly', createWasmInflater],
];
