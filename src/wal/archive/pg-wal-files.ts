import { type FileHandle, open } from 'node:fs/promises';
import { crc32c } from '../../postgres/terms/crc32c.ts';
import type { Crc32c } from '../../postgres/wal/wal-records.ts';
import { loadNative } from '../../stream/native/native.ts';

export const PIECE_BYTES = 1 << 20;

/** A file that is a whole segment by its size; undefined for anything else. */
export async function openSegment(file: string, segmentSizeBytes: number): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch {
    return undefined;
  }
  const stat = await handle.stat();
  if (stat.isFile() && stat.size === segmentSizeBytes) return handle;
  await handle.close();
  return undefined;
}

/** A segment's pages, in one buffer that is used again. */
export async function* piecesOf(file: FileHandle, sizeBytes: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(PIECE_BYTES);
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, at);
    if (bytesRead < PIECE_BYTES) return;
    yield buffer;
  }
}

/** Calls native code only for stretches that are worth it. */
export const fastCrc32c: Crc32c = (bytes, from, to, before = 0) => {
  const native = to - from >= 512 ? loadNative() : undefined;
  return native ? native.crc32c(bytes.subarray(from, to), before) : crc32c(bytes, from, to, before);
};
