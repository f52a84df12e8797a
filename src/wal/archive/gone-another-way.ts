import { createHash } from 'node:crypto';
import { asOdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { WrittenSegment } from './last-written.ts';
import { streamWalFile } from './read-wal-file.ts';

/**
 * Whether the archive's segment of that name holds other WAL, which another server has written on the same timeline.
 * False where the archive has no such segment, or a damaged one, which other checks report.
 */
export async function hasGoneAnotherWay(
  store: ObjectStore,
  archive: WalArchive,
  { name, bytes, digest }: WrittenSegment,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const file of archive.segments(timelineOfName(name), name, signal)) {
    if (file.name !== name) return false;
    const hash = createHash('sha256');
    let left = bytes;
    try {
      for await (const chunk of streamWalFile(store, file, { signal })) {
        hash.update(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
        if (left === 0) break;
      }
    } catch (error) {
      if (asOdoError(error, signal).code !== 'dataCorrupt') throw error;
      return false;
    }
    return left === 0 && hash.digest('hex') !== digest;
  }
  return false;
}
