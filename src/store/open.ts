import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createDirectoryStore } from './directory.ts';
import type { ObjectStore } from './object-store.ts';
import { createS3Store, type S3Config } from './s3.ts';
import { parseStoreUrl } from './url.ts';

/** Everything needed to open a store, as plain JSON: the host sends it to the restore container. Holds secrets: never log it. */
export interface StoreConfig extends Omit<S3Config, 'bucket' | 'maxSockets'> {
  /** See parseStoreUrl. */
  url: string;
}

/** A store, and the key under its root that the URL points at ('' for the root itself; an object or a prefix). */
export interface OpenedStore {
  store: ObjectStore;
  key: string;
}

/** Opens the store that a URL names. Nothing is asked of it yet: that it answers shows with the first listing. */
export function openStore(config: StoreConfig): OpenedStore {
  const { url, ...connection } = config;
  const location = parseStoreUrl(url);
  if (location.kind === 's3') {
    return { store: createS3Store({ ...connection, bucket: location.bucket }), key: location.key };
  }
  // A URL may name one object, which in a directory is a file.
  if (statSync(location.path, { throwIfNoEntry: false })?.isFile()) {
    return { store: createDirectoryStore(dirname(location.path)), key: basename(location.path) };
  }
  return { store: createDirectoryStore(location.path), key: '' };
}
