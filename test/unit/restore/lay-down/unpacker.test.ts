import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Part } from '../../../../src/formats/contract/format.ts';
import { shareOut } from '../../../../src/restore/lay-down/share-out.ts';
import { createUnpacker, type Unpacker } from '../../../../src/restore/lay-down/unpacker.ts';
import { type BlockPool, createBlockPool } from '../../../../src/stream/blocks/block-pool.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

const small = Buffer.alloc(300_000, 'PostgreSQL ');
const large = Buffer.concat([randomBytes(2_500_000), small]);
let pool: BlockPool;
let unpacker: Unpacker;

beforeEach(() => {
  pool = createBlockPool(1);
});
afterEach(async () => {
  await unpacker.close();
  await pool.close();
});

/** What a part with this content unpacks to, and how many of its bytes were told of. */
async function unpack(content: Buffer, ...layers: Part['layers']): Promise<{ unpacked: Buffer; readBytes: number }> {
  const part: Part = { role: 'base', key: 'data.tar', sizeBytes: content.length, layers };
  unpacker = createUnpacker(new MemoryStore({ 'data.tar': { content } }), shareOut({}, 1), pool);
  let readBytes = 0;
  const chunks: Buffer[] = [];
  const options = { name: 's3://backups/data.tar', onBytes: (bytes: number) => (readBytes += bytes) };
  for await (const chunk of unpacker.unpack(part, options)) chunks.push(Buffer.from(chunk));
  return { unpacked: Buffer.concat(chunks), readBytes };
}

test.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
  ['none', (content: Buffer) => content],
] as const)('gives what a part holds, small or large: %s', async (codec, pack) => {
  for (const content of [small, large]) {
    const packed = pack(content);
    const { unpacked, readBytes } = await unpack(packed, ...(codec === 'none' ? [] : [codec]));
    expect(unpacked.equals(content)).toBe(true);
    expect(readBytes).toBe(packed.length);
    await unpacker.close();
  }
});

test('what is packed has to say so in its name, however large it is', async () => {
  for (const content of [small, large]) {
    await expect(unpack(gzipSync(content))).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('s3://backups/data.tar has the wrong extension'),
    });
  }
});

test('a part in two layers is unpacked from the outside in, large or small', async () => {
  for (const sizeBytes of [10_000, 3_000_000]) {
    const plain = randomBytes(sizeBytes);
    const { unpacked } = await unpack(zstdCompressSync(gzipSync(plain)), 'zstd', 'gzip');
    expect(unpacked.equals(plain)).toBe(true);
  }
});
