import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  computePageChecksum,
  isNewPage,
  readPageChecksum,
  readPageLsn,
} from '../../../../src/postgres/files/page-checksum.ts';
import { plainChecksum } from '../../parts/plain-checksum.ts';

/** The first two pages of pg_proc in a cluster of PostgreSQL 17 with data checksums. */
const real = readFileSync(new URL('../../../fixtures/postgres/relation_pages.17', import.meta.url));
const wordsOf = (bytes: Buffer) => new Int32Array(new Uint8Array(bytes).buffer);
const PAGE_BYTES = 8192;
const SECOND = PAGE_BYTES / 4;

it('is the one that a server wrote', () => {
  const words = wordsOf(real);
  expect(computePageChecksum(words, 0, 0, PAGE_BYTES)).toBe(real.readUInt16LE(8));
  expect(computePageChecksum(words, SECOND, 1, PAGE_BYTES)).toBe(real.readUInt16LE(PAGE_BYTES + 8));
  expect([readPageChecksum(words, 0), readPageChecksum(words, SECOND)]).toEqual([
    real.readUInt16LE(8),
    real.readUInt16LE(PAGE_BYTES + 8),
  ]);
});

it('depends on every byte but its own two, and on the number of the block', () => {
  const stored = real.readUInt16LE(8);
  for (let at = 0; at < PAGE_BYTES; at++) {
    const changed = Buffer.from(real.subarray(0, PAGE_BYTES));
    changed[at] = (changed[at] as number) ^ 0x10;
    const isOwn = at === 8 || at === 9;
    expect(computePageChecksum(wordsOf(changed), 0, 0, PAGE_BYTES) === stored, `byte ${at}`).toBe(isOwn);
  }
  expect(computePageChecksum(wordsOf(real), 0, 1, PAGE_BYTES)).not.toBe(stored);
});

it.each([1, 2, 4, 8, 16, 32])('is reckoned over pages of %i KiB, too', (kib) => {
  const page = Buffer.from(real.subarray(0, PAGE_BYTES));
  expect(plainChecksum(page, 0)).toBe(real.readUInt16LE(8));
  const sized = Buffer.alloc(kib * 1024, page.subarray(0, 1023));
  expect(computePageChecksum(wordsOf(sized), 0, 77, sized.length)).toBe(plainChecksum(sized, 77));
});

it('stands beside what else the header tells', () => {
  expect(readPageLsn(wordsOf(real), 0)).toBe((BigInt(real.readUInt32LE(0)) << 32n) | BigInt(real.readUInt32LE(4)));
  expect(isNewPage(wordsOf(real), 0)).toBe(false);
  expect(isNewPage(new Int32Array(SECOND), 0)).toBe(true);
});
