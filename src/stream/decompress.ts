import zlib from 'node:zlib';
import { cancelled, OdoError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { detectCodec, MAGIC_BYTES } from './magic.ts';

export interface DecompressOptions {
  /** What is being read, for errors: `s3://bucket/key`. */
  name: string;
  /** How much is unpacked at a time (default 256 KiB): it happens in the thread pool while the consumer works on the chunk before. */
  chunkBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const CHUNK_BYTES = 1 << 18;

/**
 * Undoes a codec. Concatenated gzip members and zstd frames (pigz, bgzip, pzstd) read as one stream; zero bytes after the last gzip
 * member are padding. Every yielded buffer is the caller's to keep; each of `source` is done with before the next is asked for.
 * `dataCorrupt` when the bytes are not of that codec, are damaged, end early or are followed by something else; `usage` for a codec that
 * is not supported. Errors of `source` pass through. Returning early returns `source` too.
 */
export async function* decompress(
  source: AsyncIterable<Buffer>,
  codec: Codec,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, void> {
  const { name, chunkBytes = CHUNK_BYTES, signal } = options;
  const unpacked = codec === 'none' ? source : inflate(source, codec, name, chunkBytes);
  for await (const chunk of unpacked) {
    if (signal?.aborted) throw cancelled(signal.reason);
    yield chunk;
  }
}

async function* inflate(
  source: AsyncIterable<Buffer>,
  codec: Codec,
  name: string,
  chunkBytes: number,
): AsyncGenerator<Buffer, void, void> {
  if (codec !== 'gzip' && codec !== 'zstd') {
    throw new OdoError('usage', `${name} is compressed with ${codec}, which this version of ODO does not read yet`, {
      hint: 'choose a backup that is compressed with gzip or zstd, or not at all',
    });
  }
  const input = source[Symbol.asyncIterator]();
  let engine = createEngine(codec, chunkBytes);
  let producedBytes = 0;
  try {
    let rest: Buffer | undefined = await readMagic(input, codec, name);
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
    await input.return?.();
  }
}

function createEngine(codec: 'gzip' | 'zstd', chunkBytes: number): zlib.Gunzip | zlib.ZstdDecompress {
  const settings = { chunkSize: chunkBytes, readableHighWaterMark: chunkBytes };
  return codec === 'gzip' ? zlib.createGunzip(settings) : zlib.createZstdDecompress(settings);
}

/**
 * Writes `rest` and then the input into the engine. Resolves with undefined when the input has ended, or with what was left of a chunk:
 * Node's engines stop in the middle of one, and drop the rest of it, where a zstd frame ends or zeros follow a gzip member.
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

async function nextChunk(input: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  for (;;) {
    const { done, value } = await input.next();
    if (done) return undefined;
    if (value.length > 0) return value;
  }
}

async function expectPadding(rest: Buffer, input: AsyncIterator<Buffer>, name: string): Promise<void> {
  for (let chunk: Buffer | undefined = rest; chunk; chunk = await nextChunk(input)) {
    if (chunk.some((byte) => byte !== 0)) {
      throw new OdoError('dataCorrupt', `${name} goes on after the end of its gzip data`, {
        hint: 'the object was written wrongly or damaged; choose another backup with --backup',
      });
    }
  }
}

/** The first bytes of the input, once they have shown that it is what its name says. */
async function readMagic(input: AsyncIterator<Buffer>, codec: Codec, name: string): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const chunk = await nextChunk(input);
    if (!chunk) break;
    head = Buffer.concat([head, chunk]);
  }
  const found = detectCodec(head);
  if (found === codec) return head;
  const what = head.length === 0 ? 'is empty' : `is not ${codec} data${found ? `: it looks like ${wordFor(found)}` : ''}`;
  throw new OdoError('dataCorrupt', `${name} ${what}`, {
    hint: 'the object was written wrongly or damaged; choose another backup with --backup',
  });
}

function wordFor(codec: Codec): string {
  return codec === 'none' ? 'a plain tar' : codec;
}

function translateEngineError(error: unknown, codec: Codec, name: string, producedBytes: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof OdoError || typeof code !== 'string' || !/^(Z_|ZSTD_)/.test(code)) return error;
  const what = code === 'Z_BUF_ERROR' ? 'ends early' : 'is damaged';
  return new OdoError('dataCorrupt', `${name} ${what}: ${message}, after ${producedBytes} bytes of unpacked ${codec} data`, {
    hint: 'compare its size with what was uploaded, or choose another backup with --backup',
    cause: error,
  });
}
