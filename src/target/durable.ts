import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { OdoError } from '../errors.ts';
import type { Owner } from './place.ts';

/** Makes a directory's own entries (creations, renames) durable. */
export function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Replaces a small file in one durable step: a crash leaves the old content or the new, never a mixture. */
export function writeFileDurably(file: string, content: string, mode = 0o600, owner?: Owner): void {
  const temporary = `${file}.new`;
  const fd = fs.openSync(temporary, 'w', mode);
  try {
    // Whatever the umask, and whatever a crash left under that name.
    fs.fchmodSync(fd, mode);
    if (owner && process.getuid?.() === 0) fs.fchownSync(fd, owner.uid, owner.gid);
    fs.writeFileSync(fd, content);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, file);
  syncDirectory(path.dirname(file));
}

/**
 * Flushes the file system that holds `directory`: one call, where an fsync per file would cost a journal commit each.
 * Node has no syncfs(2), so the `sync` program does it; one that does not know `-f` (macOS, old busybox) syncs everything.
 */
export async function syncFileSystem(directory: string): Promise<void> {
  const run = promisify(execFile);
  try {
    await run('sync', ['-f', directory]);
  } catch {
    await run('sync').catch((cause: unknown) => {
      throw new OdoError('bug', `cannot flush ${directory} to disk: the sync program failed`, {
        hint: 'run again with --no-sync and sync by other means',
        cause,
      });
    });
  }
}
