/** The first values of the 32 columns. */
const FIRST = [
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
  0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
  0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
  0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
];

/**
 * The checksum of a data page of any size, slowly and plainly: row by row over 32 columns, with two rows of zeros
 * behind. Source: PostgreSQL, src/include/storage/checksum_impl.h.
 */
export function plainChecksum(page: Buffer, block: number): number {
  const counted = Buffer.concat([page, Buffer.alloc(2 * 128)]);
  counted.writeUInt16LE(0, 8);
  const sums = FIRST.map((first, column) => {
    let sum = first;
    for (let at = column * 4; at < counted.length; at += 128) {
      const mixed = (sum ^ counted.readUInt32LE(at)) >>> 0;
      sum = (Math.imul(mixed, 16777619) ^ (mixed >>> 17)) >>> 0;
    }
    return sum;
  });
  const folded = sums.reduce((all, sum) => (all ^ sum) >>> 0, 0);
  return (((folded ^ block) >>> 0) % 65535) + 1;
}
