import fs from 'node:fs';
import path from 'node:path';

/** Space on disk. */
export interface Used {
  bytes: number;
  files: number;
}

/**
 * Counts the entries below a directory and their bytes on disk; zeros when it is not there. Entries that a running
 * server removes meanwhile are passed over.
 */
export function usedBy(directory: string): Used {
  const used = { bytes: 0, files: 0 };
  for (const entry of entriesOf(directory)) {
    const file = path.join(directory, entry.name);
    const own = entry.isDirectory() ? usedBy(file) : { bytes: entry.isFile() ? bytesOf(file) : 0, files: 0 };
    used.bytes += own.bytes;
    used.files += own.files + 1;
  }
  return used;
}

/** Bytes on disk of a directory's files. */
export function usedBytes(directory: string): number {
  return usedBy(directory).bytes;
}

function bytesOf(file: string): number {
  return (fs.lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

function entriesOf(directory: string): fs.Dirent[] {
  try {
    return fs.readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
