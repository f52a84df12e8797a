import zlib from 'node:zlib';
import { cancelled, OdoError } from '../../errors.ts';
import type { BlockPool } from '../blocks/block-pool.ts';
import { decodeBlocks } from '../blocks/decode-blocks.ts';
import { expectPadding, nextChunk } from '../bytes/input.ts';
import { extensionOf, type Layer } from '../bytes/layers.ts';
import { detectCodec, MAGIC_BYTES } from '../bytes/magic.ts';
import { decode } from '../decode/decode.ts';
import { inflateInRing } from '../decode/inflate-ring.ts';
import { decodeSnappy } from '../decode/snappy.ts';
import type { CreateInflater } from '../native/inflater.ts';

export interface DecompressOptions {
  /** The object that is being read, for errors: `s3://bucket/key`. */
  name: string;
  /** The name need not tell the codec: with codec `none`, the codec that the first bytes show is undone. */
  detect?: boolean;
  /**
   * How many bytes of gzip and zstd are unpacked at a time (default 256 KiB). The thread pool unpacks them while the
   * consumer works on the chunk before.
   */
  chunkBytes?: number | undefined;
  /** Threads that share the work at bzip2 data. */
  blockPool?: BlockPool | undefined;
  /** Undoes gzip in this thread instead of the pool, which is cheaper. The chunks are then as inflateInRing() says. */
  inRing?: boolean | CreateInflater | undefined;
  signal?: AbortSignal | undefined;
}

const CHUNK_BYTES = 1 << 18;

/**
 * Undoes a codec. Members, frames and streams that follow one another (pigz, bgzip, pzstd, pbzip2) read as one. Zero
 * bytes after the last gzip member are padding. Every yielded buffer is the caller's to keep (but see `inRing`). Each
 * chunk of `source` is done with before the next is asked for. `dataCorrupt` when the first bytes do not fit the name,
 * or the data is damaged, ends early or is followed by something else. `usage` when it needs more memory than a decoder
 * gets. Errors of `source` pass through. Returning early returns `source`, too.
 */
export async function* decompress(
  source: AsyncIterable<Buffer>,
  codec: Layer | 'none',
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, void> {
  const { signal } = options;
  const input = source[Symbol.asyncIterator]();
  try {
    if (signal?.aborted) throw cancelled(signal.reason);
    const head = await readHead(input);
    const found = confirm(head, codec, options);
    for await (const chunk of undo(input, head, found, options)) {
      if (signal?.aborted) throw cancelled(signal.reason);
      yield chunk;
    }
  } finally {
    await input.return?.();
  }
}

function undo(
  input: AsyncIterator<Buffer>,
  head: Buffer,
  codec: Layer | 'none',
  options: DecompressOptions,
): AsyncIterable<Buffer> {
  const { name, chunkBytes = CHUNK_BYTES, blockPool, inRing } = options;
  if (codec === 'gzip' && inRing) return inflateInRing(input, head, name, inRing === true ? undefined : inRing);
  if (codec === 'gzip' || codec === 'zstd') return inflate(input, head, codec, name, chunkBytes);
  const chunks = chain(head, input);
  if (codec === 'none') return chunks;
  if (codec === 'bzip2' && blockPool) return decodeBlocks(chunks, blockPool, name);
  return codec === 'snappy' ? decodeSnappy(chunks, name) : decode(chunks, codec, name);
}

async function* chain(head: Buffer, input: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, void> {
  for (let chunk: Buffer | undefined = head; chunk; chunk = await nextChunk(input)) if (chunk.length > 0) yield chunk;
}

async function* inflate(
  input: AsyncIterator<Buffer>,
  head: Buffer,
  codec: 'gzip' | 'zstd',
  name: string,
  chunkBytes: number,
): AsyncGenerator<Buffer, void, void> {
  let engine = createEngine(codec, chunkBytes);
  let producedBytes = 0;
  try {
    let rest: Buffer | undefined = head;
    do {
      const feeding = feed(engine, input, rest);
      feeding.catch(() => {}); // Shows as the engine's error, which is being listened to.
      for await (const chunk of engine as AsyncIterable<Buffer>) {
        producedBytes += chunk.length;
        yield chunk;
      }
      rest = await feeding;
      if (rest && codec === 'gzip') return await expectPadding(rest, input, name);
      if (rest) engine = createEngine(codec, chunkBytes);
    } while (rest);
  } catch (error) {
    throw translateEngineError(error, codec, name, producedBytes);
  } finally {
    engine.destroy();
  }
}

function createEngine(codec: 'gzip' | 'zstd', chunkBytes: number): zlib.Gunzip | zlib.ZstdDecompress {
  const settings = { chunkSize: chunkBytes, readableHighWaterMark: chunkBytes };
  return codec === 'gzip' ? zlib.createGunzip(settings) : zlib.createZstdDecompress(settings);
}

/**
 * Writes `rest` and then the input into the engine. Resolves with undefined when the input has ended, else with the
 * rest of a chunk. Node's engines stop within a chunk, and drop the rest of it, where a zstd frame ends or zeros follow
 * a gzip member.
 */
async function feed(
  engine: zlib.Gunzip | zlib.ZstdDecompress,
  input: AsyncIterator<Buffer>,
  rest: Buffer,
): Promise<Buffer | undefined> {
  try {
    for (let chunk: Buffer | undefined = rest; chunk; chunk = await nextChunk(input)) {
      const before = engine.bytesWritten;
      const piece = chunk;
      await new Promise<void>((resolve, reject) => engine.write(piece, (error) => (error ? reject(error) : resolve())));
      const usedBytes = engine.bytesWritten - before;
      if (usedBytes < chunk.length) return chunk.subarray(usedBytes);
    }
    engine.end();
    return undefined;
  } catch (error) {
    engine.destroy(error as Error);
    throw error;
  }
}

/** As many bytes as it takes to see what they are, or all there are. */
async function readHead(input: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = (await nextChunk(input)) ?? Buffer.alloc(0);
  while (head.length > 0 && head.length < MAGIC_BYTES) {
    // Copied at once: a chunk is the source's again when the next is asked for.
    head = Buffer.from(head);
    const chunk = await nextChunk(input);
    if (!chunk) break;
    head = Buffer.concat([head, chunk]);
  }
  return head;
}

/** The codec that is to be undone, once the first bytes have shown that it is what the name says. */
function confirm(head: Buffer, codec: Layer | 'none', { name, detect }: DecompressOptions): Layer | 'none' {
  const found = detectCodec(head);
  if (found === codec || (codec === 'none' && found === undefined)) return codec;
  if (codec === 'none' && detect && found !== undefined) return found;
  if (found === undefined) {
    throw new OdoError('dataCorrupt', head.length === 0 ? `${name} is empty` : `${name} is not ${codec} data`, {
      hint: 'the object was written wrongly or damaged; choose another backup with --backup',
    });
  }
  const right =
    found === 'none'
      ? `without ${codec === 'none' ? '' : extensionOf(codec)}`
      : `with the extension ${extensionOf(found)}`;
  throw new OdoError(
    'dataCorrupt',
    `${name} has the wrong extension: it is not ${wordFor(codec)}, it looks like ${wordFor(found)}`,
    {
      hint: `see what has written it; if that is right, name it ${right}`,
    },
  );
}

function wordFor(codec: Layer | 'none'): string {
  return codec === 'none' ? 'a plain tar' : `${codec} data`;
}

function translateEngineError(error: unknown, codec: Layer | 'none', name: string, producedBytes: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof OdoError || typeof code !== 'string' || !/^(Z_|ZSTD_)/.test(code)) return error;
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    return new OdoError('usage', `${name} needs more memory to unpack than the 128 MiB that it gets`, {
      hint:
        'pack it again with a smaller window (zstd without --long=28 or more), or choose another backup with ' +
        '--backup',
      cause: error,
    });
  }
  const what = code === 'Z_BUF_ERROR' ? 'ends early' : 'is damaged';
  return new OdoError(
    'dataCorrupt',
    `${name} ${what}: ${message}, after ${producedBytes} bytes of unpacked ${codec} data`,
    {
      hint: 'compare its size with what was uploaded, or choose another backup with --backup',
      cause: error,
    },
  );
}
