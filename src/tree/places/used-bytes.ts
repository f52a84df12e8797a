import fs from 'node:fs';
import path from 'node:path';

/** What a directory takes on disk. */
export interface Used {
  bytes: number;
  files: number;
}

/**
 * What a directory's files take, and how many they are; nothing when it is not there. What a running server removes
 * meanwhile is passed over.
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

/** Bytes alone. */
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
