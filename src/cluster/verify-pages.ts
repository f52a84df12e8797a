import fs from 'node:fs';
import path from 'node:path';
import { cancelled, OdoError } from '../errors.ts';
import { computePageChecksum, isNewPage, readPageChecksum, readPageLsn } from '../postgres/files/page-checksum.ts';
import { parseLsn } from '../postgres/terms/wal-names.ts';

export interface VerifyPagesOptions {
  /** BLCKSZ, as pg_control tells it. */
  pageBytes: number;
  /** RELSEG_SIZE, as pg_control tells it. */
  segmentBlocks: number;
  /** Where the backup began. WAL puts right all pages changed since, whatever they look like now. */
  startLsn: string;
  /**
   * The directories that hold the tablespaces' content. Links in pg_tblspc are not followed, as they may still lead to
   * older data.
   */
  tablespaces?: readonly string[];
  signal?: AbortSignal | undefined;
  onBytes?: ((bytes: number) => void) | undefined;
}

export interface BadPage {
  /** The absolute path. */
  file: string;
  /** Number of the page in the relation's fork, as the server counts. */
  block: number;
}

/** The result. `bad` names the first MAX_NAMED of `badCount` pages. */
export interface VerifiedPages {
  pages: number;
  badCount: number;
  bad: BadPage[];
}

export const MAX_NAMED = 1000;

const CHUNK_BYTES = 1 << 20;
const RELATION_FILE = /^\d+(?:_(?:fsm|vm|init))?(?:\.(\d+))?$/;

/**
 * Checks the checksums of all data pages below `root`, a data directory of a cluster that has them, on little-endian
 * machines. Pages that were never written, and those with an LSN from `startLsn` on, are not judged. A bad page may
 * have been copied while the server wrote it, and kept its old LSN. WAL repairs that one, too, so only pages that are
 * bad after recovery count. Source: PostgreSQL, src/backend/backup/basebackup.c (verify_page_checksum),
 * src/bin/pg_checksums/pg_checksums.c.
 */
export async function verifyPages(root: string, options: VerifyPagesOptions): Promise<VerifiedPages> {
  const result: VerifiedPages = { pages: 0, badCount: 0, bad: [] };
  const startLsn = parseLsn(options.startLsn);
  const buffer = new ArrayBuffer(CHUNK_BYTES);
  for (const file of relationFiles(directoriesOf(root, options.tablespaces ?? []))) {
    await verifyFile(file, { ...options, startLsn }, buffer, result);
  }
  return result;
}

/** How many bytes verifyPages() will read. */
export function measureRelations(root: string, tablespaces: readonly string[]): number {
  let sizeBytes = 0;
  for (const file of relationFiles(directoriesOf(root, tablespaces))) sizeBytes += fs.statSync(file).size;
  return sizeBytes;
}

function directoriesOf(root: string, tablespaces: readonly string[]): string[] {
  return [path.join(root, 'base'), path.join(root, 'global'), ...tablespaces];
}

function* relationFiles(directories: readonly string[]): Generator<string> {
  for (const directory of directories) {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name);
      if (entry.isDirectory()) yield* relationFiles([file]);
      else if (entry.isFile() && RELATION_FILE.test(entry.name)) yield file;
    }
  }
}

async function verifyFile(
  file: string,
  options: Omit<VerifyPagesOptions, 'startLsn'> & { startLsn: bigint },
  buffer: ArrayBuffer,
  result: VerifiedPages,
): Promise<void> {
  const { pageBytes, segmentBlocks, startLsn } = options;
  const segment = Number(RELATION_FILE.exec(path.basename(file))?.[1] ?? 0);
  const words = new Int32Array(buffer);
  const bytes = new Uint8Array(buffer);
  let block = segment * segmentBlocks;
  const handle = await fs.promises.open(file);
  try {
    for (;;) {
      if (options.signal?.aborted) throw cancelled(options.signal.reason);
      const filled = await fill(handle, bytes, (block - segment * segmentBlocks) * pageBytes);
      if (filled % pageBytes !== 0) throw tornFile(file, filled % pageBytes);
      for (let at = 0; at < filled / 4; at += pageBytes / 4, block++) {
        result.pages += 1;
        if (isSound(words, at, block, { pageBytes, startLsn })) continue;
        result.badCount += 1;
        if (result.bad.length < MAX_NAMED) result.bad.push({ file, block });
      }
      options.onBytes?.(filled);
      if (filled < bytes.length) return;
    }
  } finally {
    await handle.close();
  }
}

function isSound(
  words: Int32Array,
  at: number,
  block: number,
  { pageBytes, startLsn }: { pageBytes: number; startLsn: bigint },
): boolean {
  if (isNewPage(words, at)) return true;
  if (readPageChecksum(words, at) === computePageChecksum(words, at, block, pageBytes)) return true;
  return readPageLsn(words, at) >= startLsn;
}

/**
 * Whether one page of a file is sound. A page that is not there any more counts as sound. `page` counts within the
 * file, `block` within the fork.
 */
export function isPageSound(file: string, page: number, block: number, pageBytes: number): boolean {
  const buffer = new ArrayBuffer(pageBytes);
  try {
    const fd = fs.openSync(file, 'r');
    try {
      if (fs.readSync(fd, new Uint8Array(buffer), 0, pageBytes, page * pageBytes) < pageBytes) return true;
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    // Recovery may have replayed the relation's removal.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
  const words = new Int32Array(buffer);
  return isNewPage(words, 0) || readPageChecksum(words, 0) === computePageChecksum(words, 0, block, pageBytes);
}

async function fill(handle: fs.promises.FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function tornFile(file: string, leftBytes: number): OdoError {
  return new OdoError('dataCorrupt', `${file} does not end where a page does: ${leftBytes} bytes are left over`, {
    hint: 'choose another backup with --backup',
  });
}
