import type { WalFile } from '../../formats/contract/format.ts';
import type { Room } from '../../tree/writing/room.ts';
import { fetchWalFile, type WalSource } from './fetch-wal-file.ts';

/**
 * Fetches a segment while room for it is claimed on the disk. Gives the bytes that were read and written, which count
 * only once all of them are there. Errors: as fetchWalFile().
 */
export async function fetchCounted(
  source: WalSource & { room?: Room },
  file: WalFile,
  { target, temporary, sizeBytes }: { target: string; temporary: string; sizeBytes: number },
  signal: AbortSignal,
): Promise<{ readBytes: number; writtenBytes: number }> {
  const claim = source.room?.claim();
  claim?.take(sizeBytes);
  const counted = { readBytes: 0, writtenBytes: 0 };
  const tally = {
    read(bytes: number) {
      counted.readBytes += bytes;
    },
    wrote(bytes: number) {
      claim?.wrote(bytes);
      counted.writtenBytes += bytes;
    },
  };
  try {
    await fetchWalFile(source, file, target, tally, signal, temporary);
    return counted;
  } finally {
    claim?.release();
  }
}
