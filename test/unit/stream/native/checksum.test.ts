import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { isChecksumAlgorithm, prepareChecksums } from '../../../../src/stream/native/checksum.ts';
import { needNative } from '../../parts/inflaters.ts';

it.each([
  // RFC 3720, appendix B.4 (its bytes come least significant first)
  ['CRC32C', Buffer.alloc(32), '8a9136aa'],
  ['CRC32C', Buffer.alloc(32, 0xff), '62a8ab43'],
  ['CRC32C', Buffer.from('123456789'), 'e3069283'],
  ['CRC32C', Buffer.alloc(0), '00000000'],
  // FIPS 180-4 examples, "abc"
  ['SHA224', Buffer.from('abc'), '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'],
  ['SHA256', Buffer.from('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
] as const)('%s of %o', async (algorithm, content, digest) => {
  for (const by of [needNative(), 'WebAssembly'] as const) {
    const begin = await prepareChecksums(by);
    for (const cut of [0, 1, content.length]) {
      const checksum = begin(algorithm);
      checksum.update(content.subarray(0, cut));
      checksum.update(content.subarray(cut));
      expect(checksum.digest()).toBe(digest);
    }
  }
});

it('agrees on CRC32C of every length and place, in memory that threads share, too', async () => {
  const content = Buffer.from(new SharedArrayBuffer(70_000));
  content.set(randomBytes(content.length));
  const native = await prepareChecksums(needNative());
  const wasm = await prepareChecksums('WebAssembly');
  const of = (begin: typeof native, bytes: Buffer) => {
    const checksum = begin('CRC32C');
    checksum.update(bytes);
    return checksum.digest();
  };
  for (let length = 0; length < 600; length++) {
    const bytes = content.subarray(length % 17, (length % 17) + length);
    expect(of(native, bytes), `${length} bytes`).toBe(of(wasm, bytes));
  }
  for (const length of [8191, 8192, 65_535, 70_000])
    expect(of(native, content.subarray(-length))).toBe(of(wasm, content.subarray(-length)));
});

it('has long ones, too', async () => {
  const begin = await prepareChecksums();
  expect(begin('SHA384').digest()).toHaveLength(96);
  expect(begin('SHA512').digest()).toHaveLength(128);
  expect(['CRC32C', 'SHA224', 'SHA256', 'SHA384', 'SHA512'].every(isChecksumAlgorithm)).toBe(true);
  expect(['crc32c', 'SHA1', 'NONE', ''].some(isChecksumAlgorithm)).toBe(false);
});
