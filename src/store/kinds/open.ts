import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { proxyUrls } from '../network/connection.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { RenewableKeys, StoreKeys } from '../objects/store-keys.ts';
import { parseStoreUrl, type StoreLocation } from '../objects/url.ts';
import { createS3Store } from '../s3/s3.ts';
import type { S3Config } from '../s3/s3-config.ts';
import { settleS3 } from '../s3/s3-configuration.ts';
import { credentialsOf } from '../s3/s3-credentials.ts';
import { createDirectoryStore } from './directory.ts';
import { createHttpStore } from './http.ts';

/**
 * Everything needed to open a store, as plain JSON: the host sends it to the restore container. Holds secrets: never
 * log it.
 */
export interface StoreConfig extends Omit<S3Config, 'bucket' | 'maxSockets' | 'credentials'> {
  /** Of the kind of store that the URL is of; without any, that kind looks for its own. */
  credentials?: StoreKeys;
  /** See parseStoreUrl. */
  url: string;
}

/** A store, and the key under its root that the URL points at ('' for the root itself; an object or a prefix). */
export interface OpenedStore {
  store: ObjectStore;
  key: string;
}

/** What is special of one kind of store; adding one means a location in objects/url.ts and a row here. */
interface StoreKind<Location> {
  open(config: StoreConfig, location: Location, keys?: RenewableKeys): OpenedStore;
  /** What the environment and shared configuration say, which does not change from then on. */
  settle?(config: StoreConfig): Promise<StoreConfig>;
  /** Gives the keys of now, at each call. */
  keysOf?(config: StoreConfig): () => Promise<StoreKeys>;
  /** Of files that another process sees under the same path: their folder. */
  folderOf?(location: Location): string;
}

const KINDS: { [K in StoreLocation['kind']]: StoreKind<Extract<StoreLocation, { kind: K }>> } = {
  s3: {
    settle: (config) => settleS3(config),
    keysOf: (config) => credentialsOf(asS3(config)),
    open: (config, { bucket, key }, keys) => ({ store: createS3Store({ ...asS3(config), bucket }, keys), key }),
  },
  http: {
    open: (config, { url, key }) => ({ store: createHttpStore({ ...config, url }), key }),
  },
  directory: {
    open(_config, { path }) {
      const { folder, key } = splitPath(path);
      return { store: createDirectoryStore(folder), key };
    },
    folderOf: ({ path }) => splitPath(path).folder,
  },
};

/** What it holds for S3, whose keys are S3's. */
function asS3({ url: _, ...config }: StoreConfig): Omit<S3Config, 'bucket'> {
  return config as Omit<S3Config, 'bucket'>;
}

function kindOf({ url }: StoreConfig): { location: StoreLocation; kind: StoreKind<StoreLocation> } {
  const location = parseStoreUrl(url);
  return { location, kind: KINDS[location.kind] as StoreKind<StoreLocation> };
}

/**
 * Completes what a person gave by what the environment and the shared AWS configuration say: everything that does not
 * change from then on.
 */
export async function settleStore(config: StoreConfig): Promise<StoreConfig> {
  return (await kindOf(config).kind.settle?.(config)) ?? config;
}

/** Gives the keys that the store is to be read with now, at each call; undefined for a store that has none. */
export function keysOf(config: StoreConfig): (() => Promise<StoreKeys>) | undefined {
  return kindOf(config).kind.keysOf?.(config);
}

/**
 * Opens the store that a URL names. Nothing is asked of it yet: that it answers shows with the first listing.
 * @param keys go before those of the configuration, once there are any
 */
export function openStore(config: StoreConfig, keys?: RenewableKeys): OpenedStore {
  const { location, kind } = kindOf(config);
  return kind.open(config, location, keys);
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
  const { location, kind } = kindOf(config);
  const folder = kind.folderOf?.(location);
  if (folder === undefined || location.kind !== 'directory') return undefined;
  return { folder, config: { ...config, url: location.path } };
}

/** The URLs of what is spoken to: the server, where it is not Amazon's, and proxies on the way. */
export function addressesOf({ url, endpoint, proxies }: StoreConfig): string[] {
  const server = /^https?:/i.test(url) ? url : endpoint;
  return [...(server === undefined ? [] : [server]), ...proxyUrls(proxies)];
}
