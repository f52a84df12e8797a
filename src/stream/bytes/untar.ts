import { cancelled, OdoError } from '../../errors.ts';
import type { EntrySink, TarEntry } from './entry.ts';
import { BLOCK_BYTES, readPaxRecords, readTarHeader, readText, type TarHeader } from './tar-header.ts';

export interface UntarOptions {
  /** The object that is being read, for errors: `s3://bucket/base.tar.gz`. */
  name: string;
  signal?: AbortSignal | undefined;
}

/** Facts of a member from the headers before its own. */
interface Extension {
  name?: string;
  linkName?: string;
  /** The records of PAX extended headers, https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
  pax?: ReadonlyMap<string, string>;
}

const END_MARK_BYTES = 2 * BLOCK_BYTES;
/** The most that an extended header may hold. A real one holds a path and a few numbers. */
const MAX_EXTENSION_BYTES = 1 << 20;
const HINT = 'the object was written wrongly or damaged; choose another backup with --backup';

/**
 * Reads a tar (ustar, PAX or GNU) from `source`. Always uses `source` up, or returns it. `onEntry` is called for every
 * member in order, and gives the sink for its content. The next member comes when the sink's end() is done. A member
 * costs no promise as long as neither `onEntry` nor the sink gives one. Resolves with the number of members and the
 * bytes of content. `dataCorrupt` for anything but a whole and well-formed archive of safe, relative paths: damaged
 * headers, a missing end mark, `..`. Errors of `source` and of the sinks pass through.
 */
export async function untar(
  source: AsyncIterable<Buffer>,
  onEntry: (entry: TarEntry) => EntrySink | Promise<EntrySink>,
  options: UntarOptions,
): Promise<{ entries: number; bytes: number }> {
  const { name, signal } = options;
  const total = { entries: 0, bytes: 0 };
  let archiveBytes = 0;
  let contentEnd = 0;
  let zeroTail = 0;
  let extension: Extension = {};
  let globalPax: ReadonlyMap<string, string> | undefined;
  /** A header that began in the chunk before. */
  let block: Buffer = Buffer.alloc(0);
  /** The taker of the content that comes. */
  let sink: EntrySink | undefined;
  /** How much of the content is still to come. */
  let missing = 0;
  /** How many zeros that fill the last block of the content are still to come. */
  let padding = 0;

  /** Begins the block behind a header: a member, or an extended header. */
  function begin(header: TarHeader, offsetBytes: number): EntrySink | Promise<EntrySink> {
    const { kind } = header;
    if (kind !== 'pax' && kind !== 'pax-global' && kind !== 'long-name' && kind !== 'long-link') {
      const pax = globalPax ? new Map([...globalPax, ...(extension.pax ?? [])]) : extension.pax;
      const entry = describeEntry(header, { ...extension, ...(pax ? { pax } : {}) }, offsetBytes, name);
      extension = {};
      setOff(entry.sizeBytes);
      contentEnd = offsetBytes + missing + padding;
      total.entries += 1;
      total.bytes += entry.sizeBytes;
      return onEntry(entry);
    }
    if (!(header.sizeBytes >= 0 && header.sizeBytes <= MAX_EXTENSION_BYTES)) throw malformed(name, archiveBytes);
    setOff(header.sizeBytes);
    return gather((bytes) => {
      if (kind === 'long-name') extension.name = readText(bytes, 0, bytes.length);
      else if (kind === 'long-link') extension.linkName = readText(bytes, 0, bytes.length);
      else if (kind === 'pax') extension.pax = sound(() => readPaxRecords(bytes));
      else globalPax = sound(() => readPaxRecords(bytes));
    });
  }

  function setOff(sizeBytes: number): void {
    missing = sizeBytes;
    padding = -sizeBytes & (BLOCK_BYTES - 1);
  }

  function sound<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw malformed(name, archiveBytes, cause);
    }
  }

  for await (const chunk of source) {
    if (signal?.aborted) throw cancelled(signal.reason);
    const before = archiveBytes;
    archiveBytes += chunk.length;
    zeroTail = countZeroTail(chunk, zeroTail);
    for (let at = 0; at < chunk.length; ) {
      if (sink) {
        const end = Math.min(at + missing, chunk.length);
        const written = sink.write(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
        if (written) await written;
        missing -= end - at;
        at = end;
      } else if (padding > 0) {
        const skipped = Math.min(padding, chunk.length - at);
        padding -= skipped;
        at += skipped;
      } else {
        const header: Buffer =
          block.length > 0 ? Buffer.concat([block, chunk.subarray(at, at + BLOCK_BYTES - block.length)]) : chunk;
        const headerAt = block.length > 0 ? 0 : at;
        at += BLOCK_BYTES - block.length;
        if (header.length - headerAt < BLOCK_BYTES) {
          // A copy: the chunk is not ours after this.
          block = Buffer.from(header.subarray(headerAt));
          break;
        }
        block = Buffer.alloc(0);
        const found = sound(() => readTarHeader(header, headerAt));
        if (!found) continue;
        const opened = begin(found, before + at);
        sink = opened instanceof Promise ? await opened : opened;
      }
      if (sink && missing === 0) {
        const ended = sink.end();
        if (ended) await ended;
        sink = undefined;
      }
    }
  }

  if (sink || padding > 0 || block.length > 0) {
    throw new OdoError('dataCorrupt', `${name} ends in the middle of a member (${archiveBytes} bytes read)`, {
      hint: HINT,
    });
  }
  // An extended header may stand, without its member, where the end mark should.
  if (archiveBytes - contentEnd < END_MARK_BYTES || zeroTail < END_MARK_BYTES) {
    throw new OdoError('dataCorrupt', `${name} ends after ${archiveBytes} bytes, without the end mark of a tar`, {
      hint: HINT,
    });
  }
  return total;
}

/** A sink that keeps everything. */
function gather(onEnd: (bytes: Buffer) => void): EntrySink {
  const pieces: Buffer[] = [];
  return {
    write: (piece) => void pieces.push(Buffer.from(piece)),
    end: () => onEnd(Buffer.concat(pieces)),
  };
}

/**
 * How many zeros a stream ends with after `chunk`, when it ended with `before` zeros. Counts no further than the end
 * mark.
 */
function countZeroTail(chunk: Buffer, before: number): number {
  const scanned = Math.min(chunk.length, END_MARK_BYTES);
  let zeros = 0;
  while (zeros < scanned && chunk[chunk.length - 1 - zeros] === 0) zeros += 1;
  return zeros < chunk.length ? zeros : Math.min(before + zeros, END_MARK_BYTES);
}

function malformed(name: string, archiveBytes: number, cause?: unknown): OdoError {
  return new OdoError('dataCorrupt', `${name} is not a well-formed tar (${archiveBytes} bytes read)`, {
    hint: HINT,
    cause,
  });
}

function describeEntry(header: TarHeader, { pax, ...long }: Extension, offsetBytes: number, name: string): TarEntry {
  const number = (key: string) => {
    const text = pax?.get(key);
    return text === undefined ? undefined : Number(text);
  };
  const type = typeOf(header, pax, name);
  const entry: TarEntry = {
    path: checkPath(pax?.get('path') ?? long.name ?? header.name, name),
    type,
    mode: header.mode,
    uid: number('uid') ?? header.uid,
    gid: number('gid') ?? header.gid,
    mtimeMs: Math.floor((number('mtime') ?? header.mtimeSeconds) * 1000),
    // A directory may have a size that means nothing.
    sizeBytes: type === 'directory' ? 0 : (number('size') ?? header.sizeBytes),
    offsetBytes,
  };
  const isSound =
    [entry.mode, entry.uid, entry.gid, entry.mtimeMs].every(Number.isFinite) &&
    Number.isSafeInteger(entry.sizeBytes) &&
    entry.sizeBytes >= 0;
  if (!isSound) throw new OdoError('dataCorrupt', `${name} has a damaged header for ${entry.path}`, { hint: HINT });
  const linkName = pax?.get('linkpath') ?? long.linkName ?? header.linkName;
  if (linkName !== '') {
    refuseControlCharacters(linkName, name);
    entry.linkName = type === 'link' ? checkPath(linkName, name) : linkName;
  }
  return entry;
}

function typeOf({ kind, name: member }: TarHeader, pax: Extension['pax'], name: string): TarEntry['type'] {
  const isSparse = [...(pax?.keys() ?? [])].some((key) => key.startsWith('GNU.sparse.'));
  switch (isSparse ? 'unread' : kind) {
    case 'file':
    case 'directory':
    case 'symlink':
    case 'link':
    case 'other':
      return kind as TarEntry['type'];
    default:
      throw new OdoError('dataCorrupt', `${name} holds ${member} as a member of a kind that ODO does not read`, {
        hint: 'sparse, incremental and multi-volume archives of GNU tar cannot be restored',
      });
  }
}

/**
 * Refuses control characters. No name in a cluster has them: they come from a damaged header, or are a trap for the
 * reader of a message.
 */
function refuseControlCharacters(text: string, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (!/[\0-\x1f\x7f]/.test(text)) return;
  throw new OdoError(
    'dataCorrupt',
    `${name} holds a name with control characters: ${JSON.stringify(text.slice(0, 200))}`,
    {
      hint: HINT,
    },
  );
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
