/** One member of a tar, as it is about to be written. */
export interface TarEntry {
  /** Relative, without a leading `./`; '' for the root itself. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'link' | 'other';
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  sizeBytes: number;
  /** Where its content begins in the unpacked archive, for messages. */
  offsetBytes?: number;
  /** Target of a symlink or hard link. */
  linkName?: string;
}

/**
 * Takes one member's content. Synchronous on purpose: tens of thousands of small files must not cost a promise each,
 * and while one chunk is being written the next one inflates in the thread pool.
 */
export interface EntrySink {
  /** The chunk is the sink's only until the call returns. */
  write(chunk: Buffer): void | Promise<void>;
  end(): void | Promise<void>;
}
