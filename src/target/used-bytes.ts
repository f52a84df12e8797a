import fs from 'node:fs';
import path from 'node:path';

/** Bytes that a directory's files take on disk; 0 when it is not there. What a running server removes meanwhile is passed over. */
export function usedBytes(directory: string): number {
  let total = 0;
  for (const entry of entriesOf(directory)) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) total += usedBytes(file);
    else if (entry.isFile()) total += (fs.lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return total;
}

function entriesOf(directory: string): fs.Dirent[] {
  try {
    return fs.readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
