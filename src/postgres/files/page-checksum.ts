/** The columns of a page taken as a table of 32-bit numbers. Each column is hashed by itself. */
const COLUMNS = 32;
const FNV_PRIME = 16777619;

/** The initial value of each column's hash: fixed numbers that are a part of the algorithm. */
const OFFSETS = Int32Array.of(
  0x5b1f36e9,
  0xb8525960,
  0x02ab50aa,
  0x1de66d2a,
  0x79ff467a,
  0x9bb9f8a3,
  0x217e7cd2,
  0x83e13d2c,
  0xf8d4474f,
  0xe39eb970,
  0x42c6ae16,
  0x993216fa,
  0x7b093b5d,
  0x98daff3c,
  0xf718902a,
  0x0b1c9cdb,
  0xe58f764b,
  0x187636bc,
  0x5d7b3bb1,
  0xe73de7de,
  0x92bec979,
  0xcca6c0b2,
  0x304a0979,
  0x85aa43d4,
  0x783125bb,
  0x6ca8eaa2,
  0xe407eac6,
  0x4b5cfc3e,
  0x9fbf8c76,
  0x15ca20be,
  0xf2ca9fd3,
  0x959bd756,
);

/** The word that holds pd_checksum (in its low half, on little-endian machines). */
const CHECKSUM_WORD = 2;
/** The byte at which pd_upper stands. */
const UPPER_AT = 14;

/**
 * The checksum that PostgreSQL keeps in a data page, 1 to 65535. The page begins at word `at` of `words`, and `block`
 * is its number within the whole relation fork. `pageBytes` is BLCKSZ, any that a server can be built with. Source:
 * PostgreSQL, src/include/storage/checksum_impl.h, the same since 9.3.
 */
export function computePageChecksum(words: Int32Array, at: number, block: number, pageBytes: number): number {
  let folded = 0;
  // Four columns at a time, whose multiplications do not wait for each other.
  for (let column = 0; column < COLUMNS; column += 4) {
    let a = OFFSETS[column] as number;
    let b = OFFSETS[column + 1] as number;
    let c = OFFSETS[column + 2] as number;
    let d = OFFSETS[column + 3] as number;
    let row = at + column;
    const end = at + pageBytes / 4;
    if (column === 0) {
      // The third column meets the checksum itself, which counts as zero.
      a ^= words[row] as number;
      b ^= words[row + 1] as number;
      c ^= (words[row + CHECKSUM_WORD] as number) & 0xffff0000;
      d ^= words[row + 3] as number;
      a = Math.imul(a, FNV_PRIME) ^ (a >>> 17);
      b = Math.imul(b, FNV_PRIME) ^ (b >>> 17);
      c = Math.imul(c, FNV_PRIME) ^ (c >>> 17);
      d = Math.imul(d, FNV_PRIME) ^ (d >>> 17);
      row += COLUMNS;
    }
    for (; row < end; row += COLUMNS) {
      a ^= words[row] as number;
      b ^= words[row + 1] as number;
      c ^= words[row + 2] as number;
      d ^= words[row + 3] as number;
      a = Math.imul(a, FNV_PRIME) ^ (a >>> 17);
      b = Math.imul(b, FNV_PRIME) ^ (b >>> 17);
      c = Math.imul(c, FNV_PRIME) ^ (c >>> 17);
      d = Math.imul(d, FNV_PRIME) ^ (d >>> 17);
    }
    for (let zeros = 0; zeros < 2; zeros++) {
      a = Math.imul(a, FNV_PRIME) ^ (a >>> 17);
      b = Math.imul(b, FNV_PRIME) ^ (b >>> 17);
      c = Math.imul(c, FNV_PRIME) ^ (c >>> 17);
      d = Math.imul(d, FNV_PRIME) ^ (d >>> 17);
    }
    folded ^= a ^ b ^ c ^ d;
  }
  return (((folded ^ block) >>> 0) % 65535) + 1;
}

/** The checksum that stands in the page at word `at`. */
export function readPageChecksum(words: Int32Array, at: number): number {
  return (words[at + CHECKSUM_WORD] as number) & 0xffff;
}

/** Where the WAL record of the page's last change ends (pd_lsn). */
export function readPageLsn(words: Int32Array, at: number): bigint {
  return (BigInt((words[at] as number) >>> 0) << 32n) | BigInt((words[at + 1] as number) >>> 0);
}

/**
 * A page that was allocated and never written, which has no checksum: pd_upper is 0 (PageIsNew in
 * src/include/storage/bufpage.h).
 */
export function isNewPage(words: Int32Array, at: number): boolean {
  // pd_upper is the high half of its word.
  return (words[at + (UPPER_AT >> 2)] as number) >>> 16 === 0;
}
