import type { WasmCodec } from './decoder.ts';
import { startDecoding } from './decoding.ts';

/**
 * Undoes bzip2, xz or lz4. Streams that follow one another (pbzip2, `cat`, lz4's frames) read as one. Every yielded
 * buffer is the caller's to keep. Each chunk is done with before the next is asked for. `dataCorrupt` for damage, an
 * early end, and anything else behind the end. `usage` for data that asks for too much memory.
 */
export async function* decode(
  chunks: AsyncIterable<Buffer>,
  codec: WasmCodec,
  name: string,
): AsyncGenerator<Buffer, void, void> {
  const decoding = startDecoding(codec, name);
  try {
    for await (const chunk of chunks) yield* decoding.feed(chunk);
    yield* decoding.end();
  } finally {
    decoding.release();
  }
}
