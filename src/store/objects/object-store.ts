import type { OdoError } from '../../errors.ts';

/** One object of a store as a listing or a HEAD tells it. `key` is relative to the store's root. */
export interface ObjectInfo {
  key: string;
  sizeBytes: number;
  /** Identifies this version of the object's content. Reads are pinned to it. Absent for stores without etags. */
  etag?: string;
  /** The time of the upload, which is not the time of the backup. */
  lastModified?: Date;
  /**
   * The object's archive storage class: it cannot be read before it is brought back. A listing shows the class even
   * after that; a HEAD does not.
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
  /** Time of the latest deletion. */
  lastAt?: Date;
}

/**
 * Where objects lie: S3, a directory, or a folder of a web server. Implementations translate their own errors at this
 * edge into OdoErrors. storeUnreachable: network, timeouts, 5xx. accessDenied: 401, 403, unknown key, bad signature,
 * expired token. notFound: no such bucket or key. dataCorrupt: the pinned object has changed. A body may end early
 * without an error. Its reader compares with the known length, as request-range.ts does.
 */
export interface ObjectStore {
  /** For messages, such as `s3://bucket`; never holds a secret. */
  readonly url: string;
  /** The proxy on the way to the store, for messages; without user and password. */
  readonly proxy?: string;
  /** How long a read puts up with failures while no byte comes. The default is in request-range.ts. */
  readonly retryForMs?: number;
  /** Told before each pause that precedes another attempt of a read; whoever opens the store may set it. */
  onRetry?: ((error: OdoError, delayMs: number) => void) | undefined;
  /**
   * How far the server's clock is ahead of ours, as of its last answer. undefined before the first answer, and for
   * stores without a clock.
   */
  readonly clockSkewMs?: number | undefined;
  /** A read from the middle of an object costs reading everything before. One request for the whole object is best. */
  readonly isSequential?: boolean;
  /** In key order, any number of entries, in bounded memory. A prefix that matches nothing gives nothing. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedEntry>;
  /** Looks up one object. undefined when there is none. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /**
   * Opens the object for one sequential read. Chunks may be empty. Each chunk, with its memory, is the reader's own.
   */
  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Counts the objects under a prefix that were deleted, but are kept as older versions. undefined when there are none,
   * or when these keys may not ask. Makes one request; `isMore` says that there are more of them.
   */
  countDeleted?(prefix: string, signal?: AbortSignal): Promise<Deleted | undefined>;
  /** Frees connections. */
  close(): void;
}
