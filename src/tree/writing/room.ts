import fs from 'node:fs';
import { OdoError } from '../../errors.ts';
import { perFileSystem } from '../places/per-file-system.ts';

const MIB = 1024 * 1024;

/** Room kept free beside the restored files: journals, directories and the first steps of a server need some. */
const RESERVE_BYTES = 64 * MIB;

/** Room kept free beside a server at work, which stops for good when it cannot write its WAL. */
const RESERVE_BESIDE_SERVER = { share: 0.05, mostBytes: 1024 * MIB };

/** How much may be promised to files before the disk is looked at again, as others write to it, too. */
const LOOK_EVERY_BYTES = 64 * MIB;

/** How many bytes ODO leaves free on a file system. */
export function reserveOf(totalBytes: number, besideServer: boolean): number {
  const { share, mostBytes } = RESERVE_BESIDE_SERVER;
  return besideServer ? Math.max(RESERVE_BYTES, Math.min(totalBytes * share, mostBytes)) : RESERVE_BYTES;
}

/** The room of one file system, for all who write to it at the same time. */
export interface Room {
  /** Whether so many bytes more would leave enough. */
  fits(sizeBytes: number): boolean;
  /** Throws `noSpace` when they would not leave enough. */
  check(sizeBytes: number): void;
  claim(): Claim;
}

/** The room promised to one writer, who writes one file after the other. */
export interface Claim {
  /**
   * Asks for room for the next file, of which this many bytes are still to be written. Room that the former file did
   * not need is given back. `noSpace` when there is not enough. This is needed because archives without a manifest do
   * not tell their size, and a compressed one can hold a thousand times its own.
   */
  demand(sizeBytes: number): void;
  /** Takes room without asking, whatever is left. */
  take(sizeBytes: number): void;
  /** Notes written bytes of the promised room: they are missing on the disk by now. */
  wrote(bytes: number): void;
  release(): void;
}

export type RoomOf = (directory: string) => Room;

/** Gives the room of a directory. Directories on one file system share it. */
export function createRooms(options: { besideServer: boolean }): RoomOf {
  return perFileSystem((directory) => createRoom(directory, options.besideServer));
}

function createRoom(directory: string, besideServer: boolean): Room {
  /** Bytes that are promised, and not written yet. */
  let promisedBytes = 0;
  /** What may be promised without another look. */
  let creditBytes = 0;

  function leftBytes(): number {
    const { bavail, bsize, blocks } = fs.statfsSync(directory);
    return Math.max(0, bavail * bsize - reserveOf(blocks * bsize, besideServer) - promisedBytes);
  }

  function check(sizeBytes: number): number {
    const left = leftBytes();
    if (sizeBytes > left) throw full(directory, left, sizeBytes);
    return left;
  }

  return {
    fits: (sizeBytes) => sizeBytes <= leftBytes(),
    check,
    claim() {
      let ownBytes = 0;
      const give = (bytes: number) => {
        ownBytes += bytes;
        promisedBytes += bytes;
      };
      const release = () => give(-ownBytes);
      return {
        demand(sizeBytes) {
          release();
          if (sizeBytes > creditBytes) {
            creditBytes = Math.min(check(sizeBytes), sizeBytes + LOOK_EVERY_BYTES);
          }
          creditBytes -= sizeBytes;
          give(sizeBytes);
        },
        take(sizeBytes) {
          creditBytes -= sizeBytes;
          give(sizeBytes);
        },
        wrote: (bytes) => give(-Math.min(bytes, ownBytes)),
        release,
      };
    },
  };
}

function full(directory: string, leftBytes: number, sizeBytes: number): OdoError {
  return new OdoError(
    'noSpace',
    `${directory} has room for ${leftBytes} more bytes, and the next file has ${sizeBytes}`,
    {
      hint: 'free some space or restore to a larger volume, then run the same command again',
    },
  );
}
