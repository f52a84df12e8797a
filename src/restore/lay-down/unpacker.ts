import type { Unit } from '../../formats/contract/format.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readRanged } from '../../store/reading/ranged-read.ts';
import type { BlockPool } from '../../stream/blocks/block-pool.ts';
import { undoLayers } from '../../stream/unpack/undo-layers.ts';
import { startUnpackingThread, type UnpackingThread } from '../../stream/unpack/unpack-apart.ts';
import type { Share } from './share-out.ts';

/** Reads and unpacks one unit at a time. */
export interface Unpacker {
  /**
   * The unit's bytes in large chunks. Each chunk is the taker's until it asks for the next.
   * Errors: those of readRanged() and decompress().
   */
  unpack(unit: Packed, options: UnpackOptions): AsyncGenerator<Buffer, void, void>;
  close(): Promise<void>;
}

/** An object, and what it is wrapped in. */
type Packed = Pick<Unit, 'key' | 'sizeBytes' | 'etag' | 'layers'>;

export interface UnpackOptions {
  /** What is being read, for errors: `s3://bucket/key`. */
  name: string;
  signal?: AbortSignal | undefined;
  /** Told of every chunk that arrives. */
  onBytes?: (bytes: number) => void;
}

/** Objects of this size are unpacked in a thread. A smaller one is unpacked before a thread is up. */
const APART_FROM_BYTES = 1 << 20;

/**
 * Reads in this thread, and unpacks in one of its own, which is started for the first unit that is worth it. bzip2 is
 * left to the threads of `blockPool`, which all units share.
 */
export function createUnpacker(
  store: ObjectStore,
  { windowBytes, connections, blocks }: Share,
  blockPool: BlockPool,
): Unpacker {
  let thread: UnpackingThread | undefined;
  return {
    unpack({ key, sizeBytes, etag, layers }, { name, signal, onBytes }) {
      const innermost = layers.at(-1);
      const isBlocks = innermost === 'bzip2' && sizeBytes >= APART_FROM_BYTES;
      const object = { key, sizeBytes, ...(etag === undefined ? {} : { etag }) };
      const window = isBlocks ? blocks.windowBytes : windowBytes;
      const source = readRanged(store, object, { windowBytes: window, connections, signal, onBytes });
      // Bytes that are not packed pass through, and are freed by whoever takes them.
      if (innermost === undefined || sizeBytes < APART_FROM_BYTES) return undoLayers(source, layers, { name, signal });
      if (isBlocks) return undoLayers(source, layers, { name, signal, blockPool });
      const outer = layers.slice(0, -1);
      thread ??= startUnpackingThread();
      return thread.unpack(outer.length === 0 ? source : undoLayers(source, outer, { name, signal }), innermost, {
        name,
        signal,
      });
    },
    async close() {
      await thread?.close();
    },
  };
}
