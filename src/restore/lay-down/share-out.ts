import os from 'node:os';
import type { RunWish } from '../contract/lay-down-job.ts';

/** What a restore may take; not given: the default memory, and as many connections as suit the measured rate. */
export type Means = Pick<RunWish, 'memoryBytes' | 'connections'>;

/** How much of the machine each part gets while a backup is laid down. */
export interface Share {
  /** Parts that are laid down at once. */
  atOnce: number;
  /** What requests may hold of a part before it is unpacked. */
  windowBytes: number;
  connections?: number | undefined;
  blocks: BlockShare;
}

/** What bzip2 parts get, instead of threads and windows of their own. */
export interface BlockShare {
  /** Threads that decode the blocks of all bzip2 parts. */
  threads: number;
  windowBytes: number;
}

const MIB = 1 << 20;
const DEFAULT_MEMORY_BYTES = 256 * MIB;
export const LEAST_MEMORY_BYTES = 192 * MIB;

// These sizes are resident memory, as measured.
/** The program, with WAL on its way and a manifest of some ten thousand files. */
const PROGRAM_BYTES = 150 * MIB;
/** A thread's own code and heap. */
const THREAD_BYTES = 15 * MIB;
/** Unpacked bytes of a part that are not yet written. */
const CHUNKS_BYTES = 8 * MIB;
/** How many times its size a window takes in memory, since its buffers have many sizes. */
const WINDOW_FACTOR = 2;
/** A thread that decodes blocks, with two of them packed, and one unpacked. */
const BLOCK_THREAD_BYTES = 36 * MIB;
const LEAST_WINDOW_BYTES = 4 * MIB;
const MOST_WINDOW_BYTES = 32 * MIB;

/**
 * Divides memory and cores among the parts. As many parts are laid down at once as there are cores, and as memory has
 * room for with useful windows.
 */
export function shareOut(
  { memoryBytes = DEFAULT_MEMORY_BYTES, connections }: Means,
  parts: number,
  cores = os.availableParallelism(),
): Share {
  let atOnce = Math.max(1, Math.min(parts, cores));
  while (atOnce > 1 && windowOf(memoryBytes, atOnce) < LEAST_WINDOW_BYTES) atOnce -= 1;
  const windowBytes = Math.min(Math.max(windowOf(memoryBytes, atOnce), LEAST_WINDOW_BYTES), MOST_WINDOW_BYTES);
  return { atOnce, windowBytes, connections, blocks: shareBlocks(memoryBytes, atOnce, cores) };
}

/** bzip2 is decoded so slowly that a thread is worth more than a window. */
function shareBlocks(memoryBytes: number, atOnce: number, cores: number): BlockShare {
  const besides = memoryBytes - PROGRAM_BYTES - atOnce * CHUNKS_BYTES;
  const forThreads = besides - atOnce * WINDOW_FACTOR * LEAST_WINDOW_BYTES;
  const threads = Math.max(1, Math.min(Math.floor(forThreads / BLOCK_THREAD_BYTES), cores));
  const room = (besides - threads * BLOCK_THREAD_BYTES) / atOnce / WINDOW_FACTOR;
  return { threads, windowBytes: Math.floor(Math.min(Math.max(room, LEAST_WINDOW_BYTES), MOST_WINDOW_BYTES)) };
}

function windowOf(memoryBytes: number, atOnce: number): number {
  return Math.floor(((memoryBytes - PROGRAM_BYTES) / atOnce - THREAD_BYTES - CHUNKS_BYTES) / WINDOW_FACTOR);
}

/** What a restore is told of its means, for its job. */
export function meansOf({ memoryBytes, connections }: Means): Means {
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(connections === undefined ? {} : { connections }),
  };
}
