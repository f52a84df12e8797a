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
  /** Keys for the kind of store that the URL names. Without them, that kind looks for its own. */
  credentials?: StoreKeys;
  /** See parseStoreUrl. */
  url: string;
}

/** A store, and the key below its root that the URL points at: an object, a prefix, or '' for the root itself. */
export interface OpenedStore {
  store: ObjectStore;
  key: string;
}

/** The parts in which kinds of stores differ. A new kind needs a location in objects/url.ts and a row here. */
interface StoreKind<Location> {
  open(config: StoreConfig, location: Location, keys?: RenewableKeys): OpenedStore;
  /** Completes a configuration by the environment and shared files. The result does not change from then on. */
  settle?(config: StoreConfig): Promise<StoreConfig>;
  /** A function that gives the current keys at each call. */
  keysOf?(config: StoreConfig): () => Promise<StoreKeys>;
  /** The folder of a store that is a local directory. Another process sees it under the same path. */
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

/** The configuration without its URL. Its keys are S3's. */
function asS3({ url: _, ...config }: StoreConfig): Omit<S3Config, 'bucket'> {
  return config as Omit<S3Config, 'bucket'>;
}

function kindOf({ url }: StoreConfig): { location: StoreLocation; kind: StoreKind<StoreLocation> } {
  const location = parseStoreUrl(url);
  return { location, kind: KINDS[location.kind] as StoreKind<StoreLocation> };
}

/**
 * Completes a person's configuration by the environment and the shared AWS configuration. The result does not change
 * from then on.
 */
export async function settleStore(config: StoreConfig): Promise<StoreConfig> {
  return (await kindOf(config).kind.settle?.(config)) ?? config;
}

/**
 * A function that gives, at each call, the keys to read the store with now. undefined for a kind of store without keys.
 */
export function keysOf(config: StoreConfig): (() => Promise<StoreKeys>) | undefined {
  return kindOf(config).kind.keysOf?.(config);
}

/**
 * Opens the store that a URL names. Makes no request: whether the store answers shows at the first listing.
 * @param keys used instead of those of the configuration, once there are any
 */
export function openStore(config: StoreConfig, keys?: RenewableKeys): OpenedStore {
  const { location, kind } = kindOf(config);
  return kind.open(config, location, keys);
}

/** Splits a path into folder and key, since a URL may name a single file. */
function splitPath(path: string): { folder: string; key: string } {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return isFile ? { folder: dirname(path), key: basename(path) } : { folder: path, key: '' };
}

/**
 * The local directory of a store. `config` has an absolute path, for a process with another working directory.
 * undefined for a store that is reached over the network.
 */
export function localStore(config: StoreConfig): { folder: string; config: StoreConfig } | undefined {
  const { location, kind } = kindOf(config);
  const folder = kind.folderOf?.(location);
  if (folder === undefined || location.kind !== 'directory') return undefined;
  return { folder, config: { ...config, url: location.path } };
}

/** The URLs of the server, unless it is Amazon's, and of the proxies on the way. */
export function addressesOf({ url, endpoint, proxies }: StoreConfig): string[] {
  const server = /^https?:/i.test(url) ? url : endpoint;
  return [...(server === undefined ? [] : [server]), ...proxyUrls(proxies)];
}
