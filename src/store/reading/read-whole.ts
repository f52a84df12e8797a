import { OdoError } from '../../errors.ts';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts';
import { readRanged } from './ranged-read.ts';

export interface ReadWholeOptions {
  /** The largest size in bytes; a larger object is `dataCorrupt`. Default 16 MiB. */
  maxBytes?: number;
  /** See ReadingOptions. */
  retryForMs?: number;
  /** See ReadingOptions. */
  stallTimeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Reads a small object into memory, resumed like any other read. A key costs a HEAD first. `notFound` when there is no
 * such object.
 */
export async function readWhole(
  store: ObjectStore,
  object: ObjectInfo | string,
  options: ReadWholeOptions = {},
): Promise<Buffer> {
  const { maxBytes = 16 << 20, ...reading } = options;
  const info = await lookUp(store, object, options.signal);
  if (info.sizeBytes > maxBytes) {
    throw new OdoError(
      'dataCorrupt',
      `${store.url}/${info.key} has ${info.sizeBytes} bytes, more than such a file can have (${maxBytes})`,
    );
  }
  return gather(readRanged(store, info, reading));
}

/** The first `bytes` bytes of an object, or all of it when it is shorter. */
export async function readHead(
  store: ObjectStore,
  object: ObjectInfo | string,
  bytes: number,
  options: Omit<ReadWholeOptions, 'maxBytes'> = {},
): Promise<Buffer> {
  const info = await lookUp(store, object, options.signal);
  return gather(readRanged(store, info, { ...options, length: bytes }));
}

async function lookUp(
  store: ObjectStore,
  object: ObjectInfo | string,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo> {
  if (typeof object !== 'string') return object;
  const info = await store.head(object, signal);
  if (!info) throw new OdoError('notFound', `no object ${store.url}/${object}`);
  return info;
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const gathered: Buffer[] = [];
  for await (const chunk of chunks) gathered.push(chunk);
  return gathered.length === 1 && gathered[0] ? gathered[0] : Buffer.concat(gathered);
}
