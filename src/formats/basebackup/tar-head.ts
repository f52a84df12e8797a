import { OdoError } from '../../errors.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readRanged } from '../../store/reading/ranged-read.ts';
import { undoLayers } from '../../stream/unpack/undo-layers.ts';
import type { Part } from '../contract/format.ts';

/** A member that was met on the way through the beginning of a tar. */
export interface HeadMember {
  name: string;
  sizeBytes: number;
  /**
   * The first bytes of a regular file's content, at most as many as were asked for; the archive may break off earlier.
   */
  content: Buffer;
}

export interface TarHeadOptions {
  /** The most bytes of the object that are read, compressed as it is. */
  maxBytes: number;
  /** How much of each member's content is kept. */
  contentBytes: number;
  signal?: AbortSignal | undefined;
}

const BLOCK_BYTES = 512;
const FIRST_STEP_BYTES = 32 * 1024;
const MAX_STEP_BYTES = 1024 * 1024;

/**
 * Walks through the members at the beginning of a tar. Reads no more of the object than the caller goes on to ask for,
 * and `maxBytes` at most. There the archive counts as ended. Only for a look at a few known members: PAX and GNU names
 * that are too long for a header come back cut off. untar() is for laying down an archive. `dataCorrupt` when it is no
 * tar, or not of the codec its name says. Source: POSIX, pax "ustar Interchange Format".
 */
export async function* readTarHead(
  store: ObjectStore,
  part: Part,
  options: TarHeadOptions,
): AsyncGenerator<HeadMember, void, void> {
  const name = `${store.url}/${part.key}`;
  // The decompressor reads ahead: without this, stopping early would wait for a range that nobody wants any more.
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const bytes = new Take(undoLayers(readAtMost(store, part, { ...options, signal }), part.layers, { name, signal }));
  try {
    for (;;) {
      const header = await bytes.take(BLOCK_BYTES);
      if (header.length < BLOCK_BYTES || header.every((byte) => byte === 0)) return;
      if (!hasItsChecksum(header)) throw new OdoError('dataCorrupt', `${name} is not a tar`);
      const sizeBytes = readNumber(header.subarray(124, 136));
      const paddedBytes = Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
      const content = await bytes.take(Math.min(sizeBytes, options.contentBytes));
      const type = header[156];
      if (type === 0 || type === 0x30) yield { name: readName(header), sizeBytes, content };
      await bytes.skip(paddedBytes - content.length);
    }
  } catch (error) {
    if (!(error instanceof EnoughRead)) throw error;
  } finally {
    stop.abort();
    await bytes.close();
  }
}

/**
 * Not a failure: the limit of reading has been reached. It passes through the decompressor, which would take an end
 * there for damage.
 */
class EnoughRead extends Error {}

/** Reads in ranges that double: the wanted members mostly stand at the very beginning. */
async function* readAtMost(
  store: ObjectStore,
  part: Part,
  options: TarHeadOptions,
): AsyncGenerator<Buffer, void, void> {
  const endBytes = Math.min(options.maxBytes, part.sizeBytes);
  let stepBytes = FIRST_STEP_BYTES;
  for (let offset = 0; offset < endBytes; offset += stepBytes, stepBytes = Math.min(stepBytes * 2, MAX_STEP_BYTES)) {
    const length = Math.min(stepBytes, endBytes - offset);
    yield* readRanged(store, part, { offset, length, partSizeBytes: length, connections: 1, signal: options.signal });
  }
  if (endBytes < part.sizeBytes) throw new EnoughRead();
}

/** Takes bytes off a stream of chunks, in the amounts that are wanted. */
class Take {
  readonly #chunks: AsyncGenerator<Buffer, void, void>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncGenerator<Buffer, void, void>) {
    this.#chunks = chunks;
  }

  /** That many bytes, or fewer at the end. */
  async take(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let wanted = count;
    while (wanted > 0 && (await this.#fill())) {
      const piece = this.#rest.subarray(0, wanted);
      this.#rest = this.#rest.subarray(piece.length);
      pieces.push(piece);
      wanted -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0 && (await this.#fill()); ) {
      const skipped = Math.min(left, this.#rest.length);
      this.#rest = this.#rest.subarray(skipped);
      left -= skipped;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }
}

function hasItsChecksum(header: Buffer): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  return sum === readNumber(header.subarray(148, 156));
}

/** Reads octal digits, or base 256 behind a set first bit, as GNU tar and PostgreSQL write sizes from 8 GiB on. */
function readNumber(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(text(field).trim() || '0', 8);
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return value;
}

function readName(header: Buffer): string {
  const prefix = text(header.subarray(257, 262)) === 'ustar' ? text(header.subarray(345, 500)) : '';
  const name = text(header.subarray(0, 100));
  return (prefix === '' ? name : `${prefix}/${name}`).replace(/^(\.\/)+/, '');
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
