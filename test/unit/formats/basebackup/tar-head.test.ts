import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readTarHead } from '../../../../src/formats/basebackup/tar-head.ts';
import type { Part } from '../../../../src/formats/contract/format.ts';
import type { Layers } from '../../../../src/stream/bytes/layers.ts';
import { makeTar } from '../../parts/make-tar.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

const KIB = 1024;

function storeWith(content: Buffer, layers: Layers = []): { store: MemoryStore; part: Part } {
  return {
    store: new MemoryStore({ 'base.tar': { content } }),
    part: { role: 'base', key: 'base.tar', sizeBytes: content.length, layers },
  };
}

async function namesIn(store: MemoryStore, part: Part, maxBytes: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of readTarHead(store, part, { maxBytes, contentBytes: 0 })) names.push(name);
  return names;
}

describe('the head of a tar', () => {
  it.each([
    ['none', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ] as const)('gives files with the beginning of their content, and no directories (%s)', async (codec, compress) => {
    const { store, part } = storeWith(
      compress(await makeTar({ './': '', './a': 'content of a', 'b/': '', 'b/empty': '', 'b/c': 'xyz' })),
      codec === 'none' ? [] : [codec],
    );
    const members: [string, number, string][] = [];
    for await (const { name, sizeBytes, content } of readTarHead(store, part, {
      maxBytes: KIB * KIB,
      contentBytes: 7,
    })) {
      members.push([name, sizeBytes, content.toString()]);
    }
    expect(members).toEqual([
      ['a', 12, 'content'],
      ['b/empty', 0, ''],
      ['b/c', 3, 'xyz'],
    ]);
  });

  it('reads little when little is asked for, and more and more at a time after that', async () => {
    const { store, part } = storeWith(await makeTar({ first: 'x', big: randomBytes(300 * KIB), last: 'y' }));
    for await (const { name } of readTarHead(store, part, { maxBytes: KIB * KIB, contentBytes: 10 })) {
      expect(name).toBe('first');
      break;
    }
    expect(store.requests).toEqual([`read base.tar 0+${32 * KIB}`]);
    expect(await namesIn(store, part, KIB * KIB)).toEqual(['first', 'big', 'last']);
    expect(store.requests.slice(1, 4)).toEqual([
      `read base.tar 0+${32 * KIB}`,
      `read base.tar ${32 * KIB}+${64 * KIB}`,
      `read base.tar ${96 * KIB}+${128 * KIB}`,
    ]);
  });

  it.each(['none', 'gzip', 'zstd'] as const)('ends where it may read no further (%s)', async (codec) => {
    const bytes = await makeTar({ first: randomBytes(50 * KIB), second: randomBytes(200 * KIB), last: 'y' });
    const compressed = codec === 'none' ? bytes : codec === 'gzip' ? gzipSync(bytes) : zstdCompressSync(bytes);
    const { store, part } = storeWith(compressed, codec === 'none' ? [] : [codec]);
    expect(await namesIn(store, part, 100 * KIB)).toEqual(['first', 'second']);
  });

  it('goes over sizes in base 256', async () => {
    const bytes = await makeTar({ a: 'content of a', b: '' });
    bytes.fill(0, 124, 136);
    bytes[124] = 0x80;
    bytes[135] = 12;
    const withChecksum = (header: Buffer) => {
      header.fill(' ', 148, 156);
      header.write(
        `${header
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
      );
    };
    withChecksum(bytes.subarray(0, 512));
    const { store, part } = storeWith(bytes);
    expect(await namesIn(store, part, KIB * KIB)).toEqual(['a', 'b']);
  });

  it('refuses what is no tar, or not of its codec', async () => {
    const text = storeWith(Buffer.alloc(2000, 'not a tar '));
    await expect(namesIn(text.store, text.part, KIB * KIB)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: 's3://bucket/base.tar is not a tar',
    });
    const plain = storeWith(await makeTar({ a: 'x' }), ['gzip']);
    await expect(namesIn(plain.store, plain.part, KIB * KIB)).rejects.toMatchObject({ code: 'dataCorrupt' });
  });

  it('refuses a compressed object that ends too early', async () => {
    const whole = gzipSync(await makeTar({ first: randomBytes(50 * KIB), second: 'x' }));
    const { store, part } = storeWith(whole.subarray(0, 20 * KIB), ['gzip']);
    await expect(namesIn(store, part, KIB * KIB)).rejects.toMatchObject({ code: 'dataCorrupt' });
  });
});
