import type { Part } from '../formats/format.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { StoreConfig } from '../store/open.ts';
import type { RenewableKeys } from '../store/renewable-keys.ts';
import type { BlockPool } from '../stream/block-pool.ts';
import type { Share } from './share-out.ts';
import { type UnpackOptions, unpack } from './unpack.ts';
import { startUnpackingThread, type UnpackingThread } from './unpack-apart.ts';

/** Where parts come from: the open store, and the keys that it is read with. */
export interface SourceStore {
  store: ObjectStore;
  keys: RenewableKeys;
}

/** Unpacks one part at a time. */
export interface Unpacker {
  unpack(part: Part, options: UnpackOptions & { name: string }): AsyncGenerator<Buffer, void, void>;
  close(): Promise<void>;
}

/** What is smaller is unpacked before a thread is up. */
const APART_FROM_BYTES = 1 << 20;

/**
 * Unpacks in a thread of its own, which is started for the first part that is worth it; or, with `apart` false, in this one. bzip2 is left to
 * the threads of `blockPool`, which all parts share.
 */
export function createUnpacker(
  { store, keys }: SourceStore,
  config: StoreConfig,
  { windowBytes, connections, blocks }: Share,
  apart: boolean,
  blockPool: BlockPool,
): Unpacker {
  let thread: UnpackingThread | undefined;
  return {
    unpack(part, { name, ...options }) {
      const { key, sizeBytes, etag, codec } = part;
      const object = { key, sizeBytes, ...(etag === undefined ? {} : { etag }) };
      const job = { object, codec, name, windowBytes, connections };
      if (codec === 'bzip2' && sizeBytes >= APART_FROM_BYTES) {
        return unpack(store, { ...job, windowBytes: blocks.windowBytes }, { ...options, blockPool });
      }
      if (!apart || store.isSequential || sizeBytes < APART_FROM_BYTES) return unpack(store, job, options);
      thread ??= startUnpackingThread(config, keys);
      return thread.unpack(job, { onRetry: store.onRetry, ...options });
    },
    async close() {
      await thread?.close();
    },
  };
}
