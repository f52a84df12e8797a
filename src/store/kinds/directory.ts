import { createReadStream } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { cancelled, OdoError } from '../../errors.ts';
import { compareKeys } from '../objects/key-order.ts';
import type { ListedEntry, ListOptions, ObjectInfo, ObjectStore, ReadOptions } from '../objects/object-store.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * A local directory as a store. The key of a file is its path below `root`. Symbolic links are followed as long as they
 * stay below the root. Any other link counts as absent.
 */
export function createDirectoryStore(root: string): ObjectStore {
  const directory = resolve(root);

  /** The path of a key, undefined when nothing is there or a link leads out of the root. */
  async function locate(key: string): Promise<string | undefined> {
    if (key.split('/').some((name) => name === '' || name === '.' || name === '..') || key.includes('\0'))
      return undefined;
    const top = await realpath(directory).catch(translate(directory));
    const path = await realpath(join(directory, key)).catch((error) =>
      isAbsent(error) ? undefined : translate(key)(error),
    );
    return path?.startsWith(withSeparator(top)) ? path : undefined;
  }

  async function* list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedEntry> {
    const top = await realpath(directory).catch(translate(directory));
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const path = folder === '' ? top : await locate(folder.slice(0, -1));
    if (path !== undefined) yield* walk(path, folder, [top, path]);

    /**
     * Yields the entries of the folder at `path`. Their keys begin with `folder`. `above` holds the real paths of the
     * folder and of its ancestors.
     */
    async function* walk(path: string, folder: string, above: string[]): AsyncGenerator<ListedEntry> {
      const names = await readdir(path, { withFileTypes: true }).catch(translate(path));
      const entries = names.map((entry) => ({ entry, key: folder + entry.name + (entry.isDirectory() ? '/' : '') }));
      const resolved = await Promise.all(
        entries.map(async ({ entry, key }) => (entry.isSymbolicLink() && (await isFolder(key)) ? `${key}/` : key)),
      );
      for (const key of resolved.sort(compareKeys)) {
        if (options.signal?.aborted) throw cancelled(options.signal.reason);
        if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
        const { startAfter } = options;
        const isPassed = startAfter !== undefined && compareKeys(key, startAfter) <= 0;
        if (!key.endsWith('/')) {
          const info = isPassed ? undefined : await head(key);
          if (info) yield { kind: 'object', ...info };
          continue;
        }
        if (isPassed && !startAfter.startsWith(key)) continue;
        if (options.delimiter && key.length > prefix.length) {
          yield { kind: 'prefix', prefix: key };
          continue;
        }
        const real = await locate(key.slice(0, -1));
        // A link to one of its own ancestors would be walked for ever.
        if (real !== undefined && !above.includes(real)) yield* walk(real, key, [...above, real]);
      }
    }
  }

  async function isFolder(key: string): Promise<boolean> {
    const path = await locate(key);
    return path !== undefined && (await stat(path).catch(() => undefined))?.isDirectory() === true;
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    const path = await locate(key);
    if (path === undefined) return undefined;
    const found = await stat(path, { bigint: true }).catch(translate(path));
    return found.isFile()
      ? { key, sizeBytes: Number(found.size), etag: etagOf(found), lastModified: found.mtime }
      : undefined;
  }

  async function read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { offset = 0, length, etag, signal } = options;
    if (signal?.aborted) throw cancelled(signal.reason);
    const path = await locate(key);
    if (path === undefined) throw new OdoError('notFound', `no file ${join(directory, key)}`);
    const handle = await open(path).catch(translate(path));
    try {
      const found = await handle.stat({ bigint: true });
      if (!found.isFile()) throw new OdoError('notFound', `${path} is not a file`);
      if (etag !== undefined && etagOf(found) !== etag) {
        throw new OdoError('dataCorrupt', `${path} changed while it was being read`, {
          hint: 'see what writes to it, then run again',
        });
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    if (length === 0) {
      await handle.close();
      return emptyBody();
    }
    const end = length === undefined ? {} : { end: offset + length - 1 };
    const stream = createReadStream('', {
      fd: handle,
      start: offset,
      ...end,
      highWaterMark: CHUNK_BYTES,
      ...(signal ? { signal } : {}),
    });
    return translateBody(stream, path, signal);
  }

  return { url: `file://${directory}`, list, head, read, close: () => {} };
}

async function* translateBody(
  body: AsyncIterable<Uint8Array>,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw signal?.aborted ? cancelled(error) : toOdoError(error, path);
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** The etag of a file: it changes whenever the file is written. */
export function etagOf(found: { mtimeNs: bigint; size: bigint }): string {
  return `${found.mtimeNs.toString(16)}-${found.size.toString(16)}`;
}

function withSeparator(path: string): string {
  return path.endsWith(sep) ? path : path + sep;
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

function translate(path: string): (error: unknown) => never {
  return (error) => {
    throw toOdoError(error, path);
  };
}

function toOdoError(error: unknown, path: string): OdoError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  if (isAbsent(error)) {
    return new OdoError('notFound', `no such file or directory: ${path}`, {
      hint: 'check the path; a bucket is written s3://bucket/prefix',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new OdoError('accessDenied', `no permission to read ${path}`, {
      hint: 'run as a user who may read it',
      cause: error,
    });
  }
  return new OdoError('storeUnreachable', `cannot read ${path} (${code})`, {
    hint: 'check the file system it lies on',
    cause: error,
  });
}
