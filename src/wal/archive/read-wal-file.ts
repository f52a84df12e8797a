import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readStreamed } from '../../store/reading/streamed-read.ts';
import { undoLayers } from '../../stream/unpack/undo-layers.ts';

/**
 * Streams one archived file, decompressed, by one request: parallelism comes from fetching many files at once.
 * @param options.inRing as in DecompressOptions
 */
export function streamWalFile(
  store: ObjectStore,
  file: WalFile,
  options: { signal?: AbortSignal | undefined; onBytes?: (bytes: number) => void; inRing?: boolean } = {},
): AsyncIterable<Buffer> {
  const { signal, onBytes, inRing } = options;
  const name = `${store.url}/${file.key}`;
  const abort = signal === undefined ? {} : { signal };
  const source = readStreamed(store, file, { ...abort, ...(onBytes === undefined ? {} : { onBytes }) });
  // barman's own servers keep compressed segments under plain names.
  return undoLayers(source, file.layers, { name, detect: true, inRing, ...abort });
}

/** The longest history that is read: far more than one of a thousand timelines has. */
export const MAX_HISTORY_BYTES = 1 << 20;

/** Reads a small file (a timeline history) whole. `dataCorrupt` when it unpacks to more than such a file can have. */
export async function readWalFile(store: ObjectStore, file: WalFile, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of streamWalFile(store, file, { signal })) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_HISTORY_BYTES) {
      throw new OdoError('dataCorrupt', `${store.url}/${file.key} unpacks to more than ${MAX_HISTORY_BYTES} bytes`, {
        hint: 'no timeline history is that long; see what has written to the archive',
      });
    }
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
