import fs from 'node:fs';
import os from 'node:os';
import { getSystemErrorName } from 'node:util';
import { syncFileSystem, syncTree } from '../places/durable.ts';
import { writeFailed } from '../places/fs-errors.ts';
import { nearestExisting } from '../places/nearest-existing.ts';
import { createFlushAhead } from './flush-ahead.ts';

/** syncfs(2) of the descriptor's file system. Resolves to 0, or to the number of the error. */
export type SyncFs = (fd: number) => Promise<number>;

/**
 * Sees every error by which written bytes do not reach the disk. Linux takes the bytes of a write(2) into memory, and
 * writes them to the disk later. It then reports an error once to each descriptor that was opened before, and otherwise
 * to the first that asks. So a descriptor is opened before the first byte, and all later flushes repeat the error of an
 * earlier one.
 */
export interface WriteBack {
  /**
   * Resolves when everything written so far is on the disk. `writeFailed` when it is not, or when an earlier flush has
   * failed. `trees` are directories whose files matter: where a flush of the whole reports no errors, each of these
   * files is flushed by itself.
   */
  flush(trees?: readonly string[]): Promise<void>;
  /**
   * Gives a function to call with the number of bytes written below a directory. Now and then it begins a flush. It
   * throws when one has failed.
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

/** @param syncfs undefined: the `sync` program and an fsync of each file stand in for it */
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

/** Whether syncfs(2) reports what could not be written. Before Linux 5.8 it does not. */
export function tellsOfErrors(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8));
}

function demandZero(errorNumber: number, directory: string): void {
  if (errorNumber !== 0) throw writeFailed(directory, getSystemErrorName(-errorNumber));
}
