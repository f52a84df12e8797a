import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { getRawAsset, isSea } from 'node:sea';

/** Where a file may be put for a moment. Hardened systems forbid code in the first of these. */
function folders(): string[] {
  const { XDG_RUNTIME_DIR: ofSession, HOME: home } = process.env;
  return [...new Set([os.tmpdir(), '/var/tmp', '/dev/shm', ofSession, home])].filter((folder) => folder !== undefined);
}

/**
 * The paths of a file that the single executable carries: the system loads code only from files. Each step of the
 * iteration writes the file to the next folder. undefined where this is not the single executable.
 */
export function unpackedAssets(name: string): Iterable<string> | undefined {
  return isSea() ? unpackInto(folders(), new Uint8Array(getRawAsset(name))) : undefined;
}

/**
 * Writes content to a file in one folder after the other, and gives a path for each from which this process alone can
 * load code. By then the file has no name any more, and goes when the process ends, however that happens. While it has
 * a name, it lies in a new folder that is nobody else's, and it is read back and compared. So nobody can put other code
 * in its place. Folders that cannot be written to are passed over.
 */
export function* unpackInto(folders: readonly string[], content: Uint8Array): Generator<string> {
  for (const folder of folders) {
    let fd: number;
    try {
      fd = writeNameless(folder, content);
    } catch {
      continue;
    }
    yield `/proc/self/fd/${fd}`;
    // The caller asks for the next file because this one cannot be loaded.
    fs.closeSync(fd);
  }
}

/** The descriptor of the file: open, and without a name. */
function writeNameless(folder: string, content: Uint8Array): number {
  // The folder has mode 0700.
  const own = fs.mkdtempSync(path.join(folder, 'odo-'));
  const file = path.join(own, 'code');
  try {
    fs.writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    const fd = fs.openSync(file, 'r');
    if (fs.readFileSync(fd).equals(content)) return fd;
    fs.closeSync(fd);
    throw new Error(`${file} is not what was written to it`);
  } finally {
    fs.rmSync(own, { recursive: true, force: true });
  }
}
