import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { OdoError } from '../../errors.ts';
import { writeFailed } from './fs-errors.ts';
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
export function writeFileDurably(file: string, content: string | Uint8Array, mode = 0o600, owner?: Owner): void {
  const temporary = `${file}.new`;
  const fd = fs.openSync(temporary, 'w', mode);
  try {
    // The mode is set whatever the umask, and whatever a crash left under that name.
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
 * Flushes the file system that holds `directory`. This is one call, where an fsync per file would cost a journal commit
 * each. Node has no syncfs(2), so the `sync` program does it. A program that does not know `-f` (macOS, old busybox)
 * syncs everything, and reports no error. `writeFailed` when something could not be written.
 */
export async function syncFileSystem(directory: string): Promise<void> {
  const failure = await runSync(['-f', directory]);
  if (failure === undefined) return;
  if (!failure.isUnknownOption) throw writeFailed(directory, failure.words, failure.cause);
  const again = await runSync([]);
  if (again) throw writeFailed(directory, again.words, again.cause);
}

interface SyncFailure {
  /** The program does not know the option, and has done nothing. */
  isUnknownOption: boolean;
  words: string;
  cause: unknown;
}

async function runSync(args: string[]): Promise<SyncFailure | undefined> {
  try {
    await promisify(execFile)('sync', args, { env: { ...process.env, LC_ALL: 'C' } });
    return undefined;
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    if (code === 'ENOENT' || code === 'EACCES') {
      throw new OdoError('bug', `cannot flush to disk: there is no sync program that can be run (${code})`, {
        hint: 'run again with --no-sync and sync by other means',
        cause,
      });
    }
    const words = stderr.trim().split('\n')[0] || `sync ended with ${code}`;
    return { isUnknownOption: /(invalid|unrecognized|unknown|illegal) option|usage:/i.test(stderr), words, cause };
  }
}

/** How many files are flushed at once: they wait for the disk, and share the commits of its journal. */
const AT_ONCE = 4;

/**
 * Flushes each file below a directory, for systems where a flush of the whole reports no errors. `writeFailed` names
 * the file.
 */
export async function syncTree(directory: string): Promise<void> {
  const entries = fs.existsSync(directory) ? fs.readdirSync(directory, { withFileTypes: true, recursive: true }) : [];
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const waiting = files.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const file of waiting) await syncFile(file);
    }),
  );
}

async function syncFile(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    // The feeder renames its files meanwhile.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  try {
    await handle?.sync();
  } catch (error) {
    throw writeFailed(file, (error as NodeJS.ErrnoException).code ?? String(error), error);
  } finally {
    await handle?.close();
  }
}
