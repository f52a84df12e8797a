import { Worker } from 'node:worker_threads';
import { loadedNativeFile } from '../native/native.ts';
import type { NativeForThread } from '../native/native-file.ts';

/** The work of a thread: whole objects (unpack-thread.ts), or blocks of bzip2 data (block-thread.ts). */
export type ThreadRole = 'objects' | 'blocks';

/**
 * The program of the threads as text, which scripts/build.mjs puts into the bundle. A thread that read the bundle
 * itself would take three times the memory.
 */
declare const THREAD_PROGRAM: string | undefined;
/** The young generation of a thread, which has next to nothing on its heap. */
const YOUNG_MIB = 2;

/** Starts a thread that unpacks. */
export function startThread(role: ThreadRole): Worker {
  const options = {
    name: `unpack-${role}`,
    workerData: { role, nativeFile: loadedNativeFile() } satisfies NativeForThread & { role: ThreadRole },
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  };
  return typeof THREAD_PROGRAM === 'string'
    ? new Worker(THREAD_PROGRAM, { ...options, eval: true })
    : new Worker(new URL('../unpack/thread.ts', import.meta.url), options);
}
