import fs from 'node:fs';
import { OdoError } from '../errors.ts';
import { perFileSystem } from './per-file-system.ts';

/** Kept free beside what is laid down, so that a server that shares the file system does not stop over it. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * Guards a file system against an archive that unpacks to more than there is room for: gives a function to ask before each file is written.
 * Archives without a manifest do not tell what they come to, and a compressed one can be a thousand times its size.
 * It throws noSpace. Space is looked at again now and then, as other writers and compressing file systems change it.
 */
function createRoomGuard(directory: string): (sizeBytes: number) => void {
  let leftBytes = 0;
  return (sizeBytes) => {
    if (sizeBytes > leftBytes) leftBytes = roomIn(directory);
    if (sizeBytes > leftBytes) {
      throw new OdoError(
        'noSpace',
        `${directory} has room for ${leftBytes} more bytes, and the next file of the backup has ${sizeBytes}`,
        {
          hint: 'free some space or restore to a larger volume, then run the same command again',
        },
      );
    }
    leftBytes -= sizeBytes;
  };
}

/** A guard for each directory; those on one file system share it, as they share its room. */
export function createRoomGuards(): (directory: string) => (sizeBytes: number) => void {
  return perFileSystem(createRoomGuard);
}

function roomIn(directory: string): number {
  const { bavail, bsize } = fs.statfsSync(directory);
  return Math.max(0, bavail * bsize - RESERVE_BYTES);
}
