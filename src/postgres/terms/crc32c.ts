/** Castagnoli's polynomial, with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  return value;
});

/**
 * CRC-32C of a few bytes, as an unsigned number. `before` is the checksum of the bytes that precede them. For much data
 * see stream/native/checksum.ts.
 */
export function crc32c(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let crc = ~before;
  for (let at = from; at < to; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
