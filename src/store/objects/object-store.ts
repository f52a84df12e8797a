import type { OdoError } from '../../errors.ts';

/** One object of a store as a listing or a HEAD tells it. `key` is relative to the store's root. */
export interface ObjectInfo {
  key: string;
  sizeBytes: number;
  /**
   * Identifies this version of the object's content; reads are pinned to it. Absent where a store has no such thing.
   */
  etag?: string;
  /** The time of the upload, which is not the time of the backup. */
  lastModified?: Date;
  /**
   * The archive storage class that it lies in: it cannot be read before it was brought back. A listing does not tell
   * which were; a HEAD does.
   */
  archived?: string;
}

/** A row of a listing: an object, or with a delimiter a common prefix ("folder", ending in the delimiter). */
export type ListedEntry = ({ kind: 'object' } & ObjectInfo) | { kind: 'prefix'; prefix: string };

export interface ListOptions {
  /** '/' lists one level: what lies deeper is folded into common prefixes. */
  delimiter?: '/';
  /** Only keys that sort after this one (UTF-8 byte order). */
  startAfter?: string;
  signal?: AbortSignal;
}

export interface ReadOptions {
  /** First byte wanted; 0 when not given. */
  offset?: number;
  /** How many bytes are wanted; to the end when not given. Beyond the end of the object: what there is. */
  length?: number;
  /** Read only if the object still has this etag; a changed object is `dataCorrupt`. */
  etag?: string;
  signal?: AbortSignal;
}

export interface Deleted {
  objects: number;
  isMore: boolean;
  /** When the last of them was deleted. */
  lastAt?: Date;
}

/**
 * Where objects lie: S3, a directory, or a folder of a web server. Implementations translate their own errors at this
 * edge into OdoErrors: storeUnreachable (network, timeouts, 5xx), accessDenied (401, 403, unknown key, bad signature,
 * expired token), notFound (bucket or key), dataCorrupt (the pinned object has changed). A body may end early without
 * an error: whoever reads compares with the known length (ranged-read.ts does).
 */
export interface ObjectStore {
  /** For messages, such as `s3://bucket`; never holds a secret. */
  readonly url: string;
  /** The proxy on the way to it, for messages; without user and password. */
  readonly proxy?: string;
  /** How long readers of it put up with failures without any progress; ranged-read.ts has a default. */
  readonly retryForMs?: number;
  /** Told before each pause that precedes another attempt of a read; whoever opens the store may set it. */
  onRetry?: ((error: OdoError, delayMs: number) => void) | undefined;
  /**
   * How far the server's clock is ahead of ours, as of its last answer; undefined before the first, and for stores
   * without one.
   */
  readonly clockSkewMs?: number | undefined;
  /** To read from the middle of an object costs reading all that comes before: it is best read by one request. */
  readonly isSequential?: boolean;
  /** In key order, any number of entries, in bounded memory. A prefix that matches nothing gives nothing. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedEntry>;
  /** undefined when there is no such object. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Opens the object for one sequential read. Chunks may be empty; each is the reader's own, its memory included. */
  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * How many objects under a prefix were deleted and are kept all the same, since the store keeps versions; undefined
   * where it does not, or where these keys may not ask. One request: where it says `isMore`, there are more of them.
   */
  countDeleted?(prefix: string, signal?: AbortSignal): Promise<Deleted | undefined>;
  /** Frees connections. */
  close(): void;
}
