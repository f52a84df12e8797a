import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { proxyUrls } from '../network/connection.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { parseStoreUrl } from '../objects/url.ts';
import type { RenewableKeys } from '../s3/renewable-keys.ts';
import { createS3Store } from '../s3/s3.ts';
import type { S3Config } from '../s3/s3-config.ts';
import { settleS3 } from '../s3/s3-configuration.ts';
import { credentialsOf, type S3Credentials } from '../s3/s3-credentials.ts';
import { createDirectoryStore } from './directory.ts';
import { createHttpStore } from './http.ts';

/**
 * Everything needed to open a store, as plain JSON: the host sends it to the restore container. Holds secrets: never
 * log it.
 */
export interface StoreConfig extends Omit<S3Config, 'bucket' | 'maxSockets'> {
  /** See parseStoreUrl. */
  url: string;
}

/** A store, and the key under its root that the URL points at ('' for the root itself; an object or a prefix). */
export interface OpenedStore {
  store: ObjectStore;
  key: string;
}

/**
 * Completes what a person gave by what the environment and the shared AWS configuration say: everything that does not
 * change from then on.
 */
export async function settleStore(config: StoreConfig): Promise<StoreConfig> {
  return parseStoreUrl(config.url).kind === 's3' ? settleS3(config) : config;
}

/**
 * Gives the keys that the store is to be read with now, at each call; undefined for a store that has none. See
 * credentialsOf().
 */
export function keysOf(config: StoreConfig): (() => Promise<S3Credentials>) | undefined {
  return parseStoreUrl(config.url).kind === 's3' ? credentialsOf(config) : undefined;
}

/**
 * Opens the store that a URL names. Nothing is asked of it yet: that it answers shows with the first listing.
 * @param keys go before those of the configuration, once there are any
 */
export function openStore(config: StoreConfig, keys?: RenewableKeys): OpenedStore {
  const { url, ...connection } = config;
  const location = parseStoreUrl(url);
  if (location.kind === 's3') {
    return { store: createS3Store({ ...connection, bucket: location.bucket }, keys), key: location.key };
  }
  if (location.kind === 'http')
    return { store: createHttpStore({ ...connection, url: location.url }), key: location.key };
  const { folder, key } = splitPath(location.path);
  return { store: createDirectoryStore(folder), key };
}

/** A URL may name one object, which in a directory is a file. */
function splitPath(path: string): { folder: string; key: string } {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return isFile ? { folder: dirname(path), key: basename(path) } : { folder: path, key: '' };
}

/**
 * The local directory that a store is, and its configuration for a process that sees the same files elsewhere: with an
 * absolute path. undefined for what is reached over the network.
 */
export function localStore(config: StoreConfig): { folder: string; config: StoreConfig } | undefined {
  const location = parseStoreUrl(config.url);
  if (location.kind !== 'directory') return undefined;
  return { folder: splitPath(location.path).folder, config: { ...config, url: location.path } };
}

/** The URLs of what is spoken to: the server, where it is not Amazon's, and proxies on the way. */
export function addressesOf({ url, endpoint, proxies }: StoreConfig): string[] {
  const server = /^https?:/i.test(url) ? url : endpoint;
  return [...(server === undefined ? [] : [server]), ...proxyUrls(proxies)];
}
