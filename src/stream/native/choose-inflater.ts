import type { CreateInflater } from './inflater.ts';
import { loadNative } from './native.ts';
import { createNativeInflater } from './native-inflater.ts';
import { createWasmInflater } from './wasm-inflater.ts';

/** Makes the fastest inflater there is here. */
export const createInflater: CreateInflater = (chunks, chunkBytes) => {
  const native = loadNative();
  return native ? createNativeInflater(native, chunks, chunkBytes) : createWasmInflater(chunks, chunkBytes);
};
