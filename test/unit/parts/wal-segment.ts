/** Segments in these tests are as small as PostgreSQL allows. */
export const SEGMENT_SIZE_BYTES = 2 ** 20;

/**
 * The bytes of a segment of PostgreSQL 17: the long header of its first page (see xlog_internal.h), and its number over
 * and over.
 */
export function walSegment(timeline: number, number: number, systemIdentifier: string): Buffer {
  const bytes = Buffer.alloc(SEGMENT_SIZE_BYTES, number);
  bytes.writeUInt16LE(0xd116, 0);
  bytes.writeUInt16LE(0x0002, 2);
  bytes.writeUInt32LE(timeline, 4);
  bytes.writeBigUInt64LE(BigInt(number) * BigInt(SEGMENT_SIZE_BYTES), 8);
  bytes.writeUInt32LE(0, 16);
  bytes.writeBigUInt64LE(BigInt(systemIdentifier), 24);
  bytes.writeUInt32LE(SEGMENT_SIZE_BYTES, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}
