import type { Layer } from './layers.ts';

/** How many bytes detectCodec wants to see at most. */
export const MAGIC_BYTES = 262;

/**
 * The codec that the first bytes of a file speak for: 'none' for a plain tar, undefined when they say nothing. Sources:
 * RFC 1952 (gzip), RFC 8878 (zstd, whose streams may begin with a skippable frame), the bzip2 and xz file formats, the
 * LZ4 and Snappy framing formats, POSIX ustar.
 */
export function detectCodec(head: Buffer): Layer | 'none' | undefined {
  const hex = head.toString('hex', 0, 10);
  if (hex.startsWith('1f8b')) return 'gzip';
  if (hex.startsWith('28b52ffd') || /^5[0-9a-f]2a4d18/.test(hex)) return 'zstd';
  if (head.toString('latin1', 0, 3) === 'BZh') return 'bzip2';
  if (hex.startsWith('04224d18')) return 'lz4';
  if (hex.startsWith('fd377a585a00')) return 'xz';
  if (hex.startsWith('ff060000734e61507059')) return 'snappy';
  if (head.toString('latin1', 257, 262) === 'ustar') return 'none';
  return undefined;
}
