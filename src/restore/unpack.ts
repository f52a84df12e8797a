import type { ObjectInfo, ObjectStore } from '../store/object-store.ts';
import { readRanged } from '../store/ranged-read.ts';
import type { ReadingOptions } from '../store/request-range.ts';
import type { BlockPool } from '../stream/block-pool.ts';
import type { Codec } from '../stream/codec.ts';
import { decompress } from '../stream/decompress.ts';
import { freeing } from '../stream/freeing.ts';
import { native } from '../stream/native.ts';

/** One object to read and unpack; plain data, as it goes to another thread. */
export interface UnpackJob {
  object: ObjectInfo;
  codec: Codec;
  /** What is being read, for errors: `s3://bucket/key`. */
  name: string;
  /** See RangedReadOptions. */
  windowBytes?: number | undefined;
  connections?: number | undefined;
}

export interface UnpackOptions extends Pick<ReadingOptions, 'signal' | 'onBytes' | 'onRetry'> {
  /** See DecompressOptions. */
  blockPool?: BlockPool;
  /** See DecompressOptions: for a thread that does nothing else. */
  inRing?: boolean | undefined;
}

/** What is unpacked and handed on at a time: with a quarter of it, inflating alone takes half as long again. */
const CHUNK_BYTES = 1 << 20;

/**
 * Reads an object and undoes its codec, in large chunks, each of them the taker's until it asks for the next. Errors are those of readRanged() and
 * decompress().
 */
export function unpack(store: ObjectStore, job: UnpackJob, options: UnpackOptions = {}): AsyncGenerator<Buffer, void, void> {
  const { object, codec, name, windowBytes, connections } = job;
  const source = readRanged(store, object, { ...options, windowBytes, connections });
  // What is not packed passes through, and is freed by whoever takes it.
  return decompress(codec === 'none' ? source : freeing(source), codec, {
    name,
    chunkBytes: CHUNK_BYTES,
    // Native code leaves this thread the time for what else it has to do.
    inRing: options.inRing || native !== undefined,
    signal: options.signal,
    blockPool: options.blockPool,
  });
}
