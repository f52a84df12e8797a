import tar from 'tar-stream';
import { cancelled, OdoError } from '../errors.ts';
import type { EntrySink, TarEntry } from '../target/entry.ts';

export interface UntarOptions {
  /** What is being read, for errors: `s3://bucket/base.tar.gz`. */
  name: string;
  signal?: AbortSignal | undefined;
}

/** A header as tar-stream gives it, whose types know less of it. */
type Header = Omit<tar.Header, 'type' | 'pax' | 'linkname'> & {
  /** null for kinds that it does not know. */
  type: tar.Header['type'] | null;
  linkname: string | null;
  /** Where the member's content begins in the archive. */
  byteOffset: number;
  /** The records of a PAX extended header, https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
  pax: Record<string, string> | null;
};

const BLOCK_BYTES = 512;
const END_MARK_BYTES = 2 * BLOCK_BYTES;
const HINT = 'the object was written wrongly or damaged; choose another backup with --backup';

/**
 * Reads a tar (ustar, PAX or GNU) from `source`, which it always uses up or returns. `onEntry` is called for every member in order and gives
 * the sink for its content; the next member comes when the sink's end() is done. Resolves with the number of members and the
 * bytes of content. `dataCorrupt` for anything but a whole and well-formed archive of safe, relative paths: damaged headers, a
 * missing end mark, `..`. Errors of `source` and of the sinks pass through.
 */
export async function untar(
  source: AsyncIterable<Buffer>,
  onEntry: (entry: TarEntry) => EntrySink | Promise<EntrySink>,
  options: UntarOptions,
): Promise<{ entries: number; bytes: number }> {
  const { name, signal } = options;
  const extract = tar.extract();
  const reader = observe(extract);
  let entries = 0;
  let bytes = 0;
  let archiveBytes = 0;
  let contentEnd = 0;
  let zeroTail = 0;
  let accepting = Promise.resolve();
  let failure: { error: unknown } | undefined;

  async function accept(header: Header, body: AsyncIterable<Buffer>): Promise<void> {
    let isReading = false;
    try {
      const entry = describeEntry(header, name);
      const sink = await onEntry(entry);
      entries += 1;
      bytes += entry.sizeBytes;
      contentEnd = header.byteOffset + Math.ceil(entry.sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
      isReading = true;
      for await (const chunk of body) {
        isReading = false;
        const written = sink.write(chunk);
        if (written) await written;
        isReading = true;
      }
      isReading = false;
      await sink.end();
    } catch (error) {
      // While it reads, the error is tar-stream's own, which shows as the extractor's.
      if (!isReading) failure ??= { error };
      throw error;
    }
  }

  extract.on('entry', (header, body, next) => {
    // A directory may have a size that means nothing, and for which tar-stream would wait.
    if (header.type === 'directory') header.size = 0;
    body.on('error', () => {}); // It may come before anyone iterates, and shows as the extractor's own.
    accepting = accept(header as Header, body as AsyncIterable<Buffer>).then(() => next(null), next);
  });

  try {
    for await (const chunk of source) {
      if (signal?.aborted) throw cancelled(signal.reason);
      archiveBytes += chunk.length;
      zeroTail = countZeroTail(chunk, zeroTail);
      if (!extract.write(chunk) || reader.error()) await reader.drained();
    }
    extract.end(null);
    await reader.finished();
    await accepting;
  } catch (error) {
    extract.destroy();
    await accepting;
    throw failure ? failure.error : error === reader.error() ? damaged(name, archiveBytes, error) : error;
  }
  if (failure) throw failure.error;
  // tar-stream does not ask for the end mark, and an extended header may stand, without its member, where the mark should.
  if (archiveBytes - contentEnd < END_MARK_BYTES || zeroTail < END_MARK_BYTES) {
    throw new OdoError('dataCorrupt', `${name} ends after ${archiveBytes} bytes, without the end mark of a tar`, { hint: HINT });
  }
  return { entries, bytes };
}

/** The extractor's events as promises, without one that lives, and gathers reactions, as long as the archive. */
function observe(extract: tar.Extract) {
  let failure: Error | undefined;
  let isFinished = false;
  let settle = () => {};
  const wake = () => settle();
  extract.on('drain', wake);
  extract.on('finish', () => {
    isFinished = true;
    wake();
  });
  extract.on('error', (error: Error) => {
    failure ??= error;
    wake();
  });
  // A body that is left in the middle takes the extractor with it, without an error.
  extract.on('close', () => {
    failure ??= new Error('closed');
    wake();
  });
  const next = () =>
    new Promise<void>((resolve, reject) => {
      settle = () => (failure ? reject(failure) : resolve());
      if (failure) reject(failure);
    });
  return {
    drained: next,
    async finished() {
      while (!isFinished) await next();
    },
    error: () => failure,
  };
}

/** How many zeros a stream ends with after `chunk`, when it ended with `before` of them; counts no further than the end mark. */
function countZeroTail(chunk: Buffer, before: number): number {
  const scanned = Math.min(chunk.length, END_MARK_BYTES);
  let zeros = 0;
  while (zeros < scanned && chunk[chunk.length - 1 - zeros] === 0) zeros += 1;
  return zeros < chunk.length ? zeros : Math.min(before + zeros, END_MARK_BYTES);
}

function damaged(name: string, archiveBytes: number, cause: unknown): OdoError {
  const reason =
    cause instanceof Error && cause.message === 'Unexpected end of data'
      ? 'ends in the middle of a member'
      : 'is not a well-formed tar';
  return new OdoError('dataCorrupt', `${name} ${reason} (${archiveBytes} bytes read)`, { hint: HINT, cause });
}

function describeEntry(header: Header, name: string): TarEntry {
  const { pax } = header;
  const entry: TarEntry = {
    path: checkPath(header.name, name),
    type: typeOf(header, name),
    mode: header.mode,
    uid: numberOf(pax?.uid) ?? header.uid,
    gid: numberOf(pax?.gid) ?? header.gid,
    mtimeMs: Math.floor((numberOf(pax?.mtime) ?? header.mtime.getTime() / 1000) * 1000),
    sizeBytes: header.size,
    offsetBytes: header.byteOffset,
  };
  const isSound =
    [entry.mode, entry.uid, entry.gid, entry.mtimeMs].every(Number.isFinite) && Number.isSafeInteger(entry.sizeBytes);
  if (!isSound) throw new OdoError('dataCorrupt', `${name} has a damaged header for ${entry.path}`, { hint: HINT });
  if (header.linkname) {
    refuseControlCharacters(header.linkname, name);
    entry.linkName = entry.type === 'link' ? checkPath(header.linkname, name) : header.linkname;
  }
  return entry;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function typeOf(header: Header, name: string): TarEntry['type'] {
  const isSparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'));
  if (!header.type || isSparse) {
    throw new OdoError('dataCorrupt', `${name} holds ${header.name} as a member of a kind that ODO does not read`, {
      hint: 'sparse, incremental and multi-volume archives of GNU tar cannot be restored',
    });
  }
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return 'file';
    case 'directory':
    case 'symlink':
    case 'link':
      return header.type;
    default:
      return 'other';
  }
}

/** Nothing of a cluster has such a name: it would be a damaged header's, or a trap for whoever reads a message. */
function refuseControlCharacters(text: string, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (!/[\0-\x1f\x7f]/.test(text)) return;
  throw new OdoError('dataCorrupt', `${name} holds a name with control characters: ${JSON.stringify(text.slice(0, 200))}`, {
    hint: HINT,
  });
}

/** The path without `./` and doubled slashes; '' for the root itself. */
function checkPath(path: string, name: string): string {
  const steps = path.split('/');
  if (path === '' || path.startsWith('/') || steps.includes('..')) {
    throw new OdoError('dataCorrupt', `${name} holds a member that leads out of the backup: ${JSON.stringify(path)}`, {
      hint: 'ODO does not write outside the data directory; see where this archive comes from',
    });
  }
  refuseControlCharacters(path, name);
  return steps.filter((step) => step !== '' && step !== '.').join('/');
}
