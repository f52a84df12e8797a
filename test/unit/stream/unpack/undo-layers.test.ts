import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { splitLayers } from '../../../../src/stream/bytes/layers.ts';
import { undoLayers } from '../../../../src/stream/unpack/undo-layers.ts';

const plain = Buffer.from('what was backed up '.repeat(20_000));

async function* inChunks(packed: Buffer, bytes = 5000): AsyncGenerator<Buffer> {
  for (let at = 0; at < packed.length; at += bytes) yield Buffer.from(packed.subarray(at, at + bytes));
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

it('undoes several layers, the outermost first', async () => {
  const packed = zlib.zstdCompressSync(zlib.gzipSync(plain));
  const { stem, layers } = splitLayers('base.tar.gz.zst');
  expect({ stem, layers }).toEqual({ stem: 'base.tar', layers: ['zstd', 'gzip'] });
  expect((await gather(undoLayers(inChunks(packed), layers, { name: 'x' }))).equals(plain)).toBe(true);
});

it('damage of an inner layer is told as that of the object', async () => {
  const inner = zlib.gzipSync(plain);
  const packed = zlib.zstdCompressSync(inner.subarray(0, inner.length - 9));
  await expect(gather(undoLayers(inChunks(packed), ['zstd', 'gzip'], { name: 's3://b/k' }))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringMatching(/^s3:\/\/b\/k .*gzip data$/),
  });
});

it('passes what is wrapped in nothing, and undoes it where its first bytes may speak', async () => {
  const packed = zlib.gzipSync(plain);
  expect((await gather(undoLayers(inChunks(plain), [], { name: 'x' }))).equals(plain)).toBe(true);
  expect((await gather(undoLayers(inChunks(packed), [], { name: 'x', detect: true }))).equals(plain)).toBe(true);
});
