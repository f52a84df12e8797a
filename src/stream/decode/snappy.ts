import { prepareChecksums } from '../native/checksum.ts';
import { takeDecoder } from './decoder.ts';
import { damage } from './decoding.ts';

/** The most that one chunk unpacks to. */
const MAX_BLOCK_BYTES = 65_536;
/** The most that snappy makes of such a chunk when it cannot pack it. */
const MAX_PACKED_BYTES = 32 + MAX_BLOCK_BYTES + Math.floor(MAX_BLOCK_BYTES / 6);
/** A checksum stands before the data of a chunk. */
const CHECKSUM_BYTES = 4;
const HEADER_BYTES = 4;
const OUTPUT_BYTES = 1 << 18;

const STREAM_IDENTIFIER = 0xff;
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const FIRST_SKIPPABLE = 0x80;
const SIGNATURE = Buffer.from('sNaPpY');

/**
 * Undoes snappy's framing format, and checks each block's checksum. Streams that follow one another read as one. Every
 * yielded buffer is the caller's to keep. Each chunk is done with before the next is asked for. `dataCorrupt` for
 * damage and for an end within a block. The format has no mark at its end, so the caller has to check the size or
 * structure of the whole. Source: google/snappy, framing_format.txt.
 */
export async function* decodeSnappy(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer, void, void> {
  const createChecksum = await prepareChecksums();
  const decoder = takeDecoder();
  let producedBytes = 0;
  let pending: Buffer = Buffer.alloc(0);
  let toSkipBytes = 0;
  let output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  let filledBytes = 0;
  const fail = (what: string) => damage(name, 'snappy', what, producedBytes);

  try {
    for await (const chunk of chunks) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (;;) {
        const skipped = Math.min(toSkipBytes, pending.length);
        toSkipBytes -= skipped;
        pending = pending.subarray(skipped);
        const bodyBytes = judgeHeader();
        if (bodyBytes === undefined || pending.length < HEADER_BYTES + bodyBytes) break;
        takeBody(pending[0] as number, pending.subarray(HEADER_BYTES, HEADER_BYTES + bodyBytes));
        pending = pending.subarray(HEADER_BYTES + bodyBytes);
        if (OUTPUT_BYTES - filledBytes >= MAX_BLOCK_BYTES) continue;
        yield output.subarray(0, filledBytes);
        output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
        filledBytes = 0;
      }
      // The next call of the source overwrites what is left of the chunk.
      pending = Buffer.from(pending);
    }
    if (pending.length > 0 || toSkipBytes > 0) throw fail('ends early');
    if (filledBytes > 0) yield output.subarray(0, filledBytes);
  } finally {
    decoder.release();
  }

  /**
   * The length of the next body. undefined when there is no whole header yet, or when the next body is to be skipped.
   */
  function judgeHeader(): number | undefined {
    while (pending.length >= HEADER_BYTES) {
      const kind = pending[0] as number;
      const bytes = pending.readUIntLE(1, 3);
      if (kind === COMPRESSED || kind === UNCOMPRESSED) {
        const most = CHECKSUM_BYTES + (kind === COMPRESSED ? MAX_PACKED_BYTES : MAX_BLOCK_BYTES);
        if (bytes < CHECKSUM_BYTES || bytes > most) throw fail('is damaged');
        return bytes;
      }
      if (kind === STREAM_IDENTIFIER) {
        if (bytes !== SIGNATURE.length) throw fail('is damaged');
        return bytes;
      }
      if (kind < FIRST_SKIPPABLE) throw fail('goes on with something else than snappy data');
      const skipped = Math.min(HEADER_BYTES + bytes, pending.length);
      toSkipBytes = HEADER_BYTES + bytes - skipped;
      pending = pending.subarray(skipped);
    }
    return undefined;
  }

  function takeBody(kind: number, body: Buffer): void {
    if (kind === STREAM_IDENTIFIER) {
      if (!body.equals(SIGNATURE)) throw fail('is damaged');
      return;
    }
    const packed = body.subarray(CHECKSUM_BYTES);
    const block = kind === UNCOMPRESSED ? packed : decoder.unpackSnappy(packed, MAX_BLOCK_BYTES);
    if (!block) throw fail('is damaged');
    output.set(block, filledBytes);
    const checksum = createChecksum('CRC32C');
    checksum.update(output.subarray(filledBytes, filledBytes + block.length));
    if (mask(Number.parseInt(checksum.digest(), 16)) !== body.readUInt32LE(0))
      throw fail('is damaged (a checksum is wrong)');
    filledBytes += block.length;
    producedBytes += block.length;
  }
}

/** A CRC32C as the format stores it, rotated and offset: a checksum over data that holds checksums would be weak. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
