import fs from 'node:fs';
import os from 'node:os';
import { getSystemErrorName } from 'node:util';
import { syncFileSystem, syncTree } from '../places/durable.ts';
import { writeFailed } from '../places/fs-errors.ts';
import { nearestExisting } from '../places/nearest-existing.ts';
import { createFlushAhead } from './flush-ahead.ts';

/** syncfs(2) of what the descriptor belongs to: resolves to 0, or to the number of the error. */
export type SyncFs = (fd: number) => Promise<number>;

/**
 * Sees every error with which something written to some file systems does not reach the disk. Linux takes the bytes of
 * a write(2) into memory and writes them to the disk later. It tells of an error then to each open descriptor once, if
 * that was opened before, and else to the first that asks. So a descriptor is opened before the first byte, and what
 * one flush was told is told to all later ones.
 */
export interface WriteBack {
  /**
   * Resolves when all that was written so far is on the disk. Rejects with `writeFailed` when it is not, or when an
   * earlier flush has failed. `trees` are directories whose files matter: where a flush of the whole does not tell of
   * errors, each file of them is asked for its own.
   */
  flush(trees?: readonly string[]): Promise<void>;
  /**
   * Gives a function to tell of bytes that were written below a directory: now and then it begins a flush, and throws
   * when one has failed.
   */
  flushAhead(directory: string): (bytes: number) => void;
  readonly hasFailed: boolean;
  close(): void;
}

interface FileSystem {
  directory: string;
  fd: number;
  failure?: unknown;
  wrote(bytes: number): void;
}

/** @param syncfs where there is none, the `sync` program and an fsync of each file stand in for it */
export function openWriteBack(directories: readonly string[], syncfs: SyncFs | undefined): WriteBack {
  const tellsAll = syncfs !== undefined && tellsOfErrors(os.release());
  const known = new Map<number, FileSystem>();

  function fileSystemOf(directory: string): FileSystem {
    const there = nearestExisting(directory);
    const { dev } = fs.statSync(there);
    const found = known.get(dev);
    if (found) return found;
    const opened: FileSystem = {
      directory: there,
      fd: fs.openSync(there, 'r'),
      wrote: createFlushAhead(() => flushOne(opened)),
    };
    known.set(dev, opened);
    return opened;
  }

  async function flushOne(fileSystem: FileSystem): Promise<void> {
    const { directory, fd } = fileSystem;
    if (fileSystem.failure !== undefined) throw fileSystem.failure;
    try {
      if (syncfs) demandZero(await syncfs(fd), directory);
      else await syncFileSystem(directory);
    } catch (error) {
      fileSystem.failure = error;
      throw error;
    }
  }

  async function flush(trees: readonly string[] = []): Promise<void> {
    await Promise.all([...known.values()].map(flushOne));
    if (tellsAll) return;
    for (const tree of trees) {
      await syncTree(tree).catch((error: unknown) => {
        fileSystemOf(tree).failure = error;
        throw error;
      });
    }
  }

  for (const directory of directories) fileSystemOf(directory);
  return {
    flush,
    flushAhead: (directory) => fileSystemOf(directory).wrote,
    get hasFailed() {
      return [...known.values()].some(({ failure }) => failure !== undefined);
    },
    close() {
      for (const { fd } of known.values()) fs.closeSync(fd);
      known.clear();
    },
  };
}

/** For a run that flushes nothing (--no-sync), and so hears of no errors. */
export const NO_WRITE_BACK: WriteBack = {
  flush: async () => undefined,
  flushAhead: () => () => undefined,
  hasFailed: false,
  close: () => undefined,
};

/** Before Linux 5.8 syncfs(2) says nothing of what could not be written. */
export function tellsOfErrors(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8));
}

function demandZero(errorNumber: number, directory: string): void {
  if (errorNumber !== 0) throw writeFailed(directory, getSystemErrorName(-errorNumber));
}
