import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import type { EntrySink, TarEntry } from '../../stream/bytes/entry.ts';
import { translateFsError } from '../places/fs-errors.ts';
import type { Owner } from '../places/place.ts';
import { compareFile } from './compare-file.ts';
import { writeAnew, writeWhatDiffers } from './reusing-file.ts';
import type { Claim } from './room.ts';

export interface TreeWriterOptions {
  /** The directory that the tree goes into; it exists. */
  root: string;
  /** Set on everything as it is created; the current user's when not given. */
  owner?: Owner | undefined;
  /**
   * Says where a member goes: another path (absolute, in a directory that exists), nowhere, or its own path
   * (undefined).
   */
  place?: (entry: TarEntry) => string | 'skip' | undefined;
  /** Files of an interrupted run are there: their content is compared instead of written. */
  reuse?: boolean;
  /**
   * Says whether a member may come again. later: the later one counts. same: it has to have the same bytes. Any other
   * member that comes again is `dataCorrupt`. Directories may always come again.
   */
  mayRepeat?: (entry: TarEntry) => 'later' | 'same' | undefined;
  /** Asked before each file. */
  room?: Pick<Claim, 'demand' | 'wrote'>;
  /** Called with the bytes of each chunk. */
  onBytes?: (bytes: number) => void;
}

export interface TreeWriter {
  /** Prepares for one member and gives the sink for its content. Members may come in any order. */
  accept(entry: TarEntry): EntrySink;
  /** Sets the modification times of directories, which writing into them has changed. Call it once, at the end. */
  finish(): void;
  readonly files: number;
  /** Bytes that were there already (with `reuse`). */
  readonly reusedBytes: number;
}

const NOTHING: EntrySink = { write: () => undefined, end: () => undefined };

/**
 * Recreates a tar's members below one directory: modes, times and owners are set as each is created, not in a second
 * pass. Trusts no archive: nothing is ever written outside of `root` or through a link, and no file gets a setuid,
 * setgid or sticky bit. `dataCorrupt` for devices and pipes, for hard links to anything but a file laid down before,
 * and for members that come twice or cannot stand beside each other.
 */
export function createTreeWriter(options: TreeWriterOptions): TreeWriter {
  const { root, owner } = options;
  const knownDirectories = new Set<string>([root]);
  const directoryTimes = new Map<string, number>();
  /** Files whose members have come. Only with `reuse`: otherwise an existing file shows that a member comes twice. */
  const claimed = new Set<string>();
  /** Files of members that may come again with the same bytes. */
  const broughtOnce = new Set<string>();
  let files = 0;
  let reusedBytes = 0;

  const own = owner !== undefined && process.getuid?.() === 0 ? owner : undefined;

  /**
   * Creates a directory with its parents. A link in the middle of a path would lead out of the tree, so it is refused.
   */
  function ensureDirectory(directory: string): void {
    if (knownDirectories.has(directory)) return;
    const relative = path.relative(root, directory);
    if (leadsOut(relative)) throw new OdoError('dataCorrupt', `${directory} lies outside ${root}`);
    ensureDirectory(path.dirname(directory));
    const found = fs.lstatSync(directory, { throwIfNoEntry: false });
    if (found && !found.isDirectory()) {
      throw new OdoError('dataCorrupt', `the backup has members below ${relative}, which is not a directory`);
    }
    if (!found) fs.mkdirSync(directory, { mode: 0o700 });
    // An interrupted run may have made the directory, but not set its owner.
    if (own && (!found || options.reuse)) fs.chownSync(directory, own.uid, own.gid);
    knownDirectories.add(directory);
  }

  function makeDirectory(directory: string, entry: TarEntry): void {
    ensureDirectory(directory);
    fs.chmodSync(directory, (entry.mode & 0o777) | 0o700);
    directoryTimes.set(directory, entry.mtimeMs);
  }

  /** Makes way for a member that is no directory; creating it fails when something else is there. */
  function makeWay(file: string, entry: TarEntry): void {
    ensureDirectory(path.dirname(file));
    const isFirst = options.reuse === true && !claimed.has(file);
    if (options.reuse) claimed.add(file);
    const canStay = isFirst && entry.type === 'file' && fs.lstatSync(file, { throwIfNoEntry: false })?.isFile();
    if (options.mayRepeat?.(entry) === 'later' || (isFirst && !canStay)) fs.rmSync(file, { force: true });
    else if (options.reuse && !isFirst) throw comesTwice(entry);
  }

  function openFile(file: string, entry: TarEntry): EntrySink {
    if (options.mayRepeat?.(entry) === 'same') {
      if (broughtOnce.has(file)) return compareFile(file, () => comesTwice(entry));
      broughtOnce.add(file);
    }
    makeWay(file, entry);
    // The blocks that an interrupted run has written take no more room.
    const thereBytes = options.reuse ? (fs.lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512 : 0;
    options.room?.demand(Math.max(0, entry.sizeBytes - thereBytes));
    const fd = openNoFollow(file, entry.mode & 0o777, options.reuse ?? false);
    const writer = options.reuse ? writeWhatDiffers(fd) : writeAnew(fd);
    const sizeBytes = entry.sizeBytes;
    let position = 0;
    files += 1;
    return {
      write(chunk) {
        try {
          const reusedBefore = writer.reusedBytes;
          writer.write(chunk);
          options.room?.wrote(chunk.length - (writer.reusedBytes - reusedBefore));
          position += chunk.length;
          options.onBytes?.(chunk.length);
        } catch (error) {
          fs.closeSync(fd);
          throw translateFsError(error, file);
        }
      },
      end() {
        try {
          if (position !== sizeBytes) {
            throw new OdoError('dataCorrupt', `${entry.path} has ${position} bytes where its header says ${sizeBytes}`);
          }
          writer.end();
          reusedBytes += writer.reusedBytes;
          if (own) fs.fchownSync(fd, own.uid, own.gid);
          const seconds = entry.mtimeMs / 1000;
          fs.futimesSync(fd, seconds, seconds);
        } finally {
          fs.closeSync(fd);
        }
      },
    };
  }

  function makeLink(file: string, entry: TarEntry): void {
    const linkName = entry.linkName ?? '';
    makeWay(file, entry);
    if (entry.type === 'symlink') {
      fs.symlinkSync(linkName, file);
      if (own) fs.lchownSync(file, own.uid, own.gid);
      return;
    }
    const target = path.join(root, linkName);
    if (leadsOut(path.relative(root, target))) {
      throw new OdoError('dataCorrupt', `the hard link ${entry.path} leads out of the backup, to ${linkName}`);
    }
    ensureDirectory(path.dirname(target));
    if (!fs.lstatSync(target).isFile()) {
      throw new OdoError('dataCorrupt', `the hard link ${entry.path} is to ${linkName}, which is no regular file`);
    }
    fs.linkSync(target, file);
  }

  return {
    get files() {
      return files;
    },
    get reusedBytes() {
      return reusedBytes;
    },
    accept(entry) {
      const chosen = options.place?.(entry);
      if (chosen === 'skip') return NOTHING;
      const file = chosen ?? path.join(root, entry.path);
      if (chosen !== undefined) knownDirectories.add(path.dirname(chosen));
      try {
        switch (entry.type) {
          case 'file':
            return openFile(file, entry);
          case 'directory':
            makeDirectory(file, entry);
            return NOTHING;
          case 'symlink':
          case 'link':
            makeLink(file, entry);
            return NOTHING;
          default:
            throw new OdoError(
              'dataCorrupt',
              `the backup's member ${entry.path} is a device or a pipe, which no cluster has`,
              {
                hint: 'see where this archive comes from, or choose another backup with --backup',
              },
            );
        }
      } catch (error) {
        throw translateClash(translateFsError(error, file), entry);
      }
    },
    finish() {
      for (const [directory, mtimeMs] of directoryTimes) fs.utimesSync(directory, mtimeMs / 1000, mtimeMs / 1000);
    },
  };
}

function leadsOut(relative: string): boolean {
  return relative === '..' || relative.startsWith(`..${path.sep}`);
}

/**
 * Translates the errors of members that cannot stand beside each other: a link where a file goes, a file where a
 * directory is, a hard link to nothing.
 */
function translateClash(error: unknown, entry: TarEntry): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return comesTwice(entry, error);
  if (!['EISDIR', 'ERR_FS_EISDIR', 'ELOOP', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(code)) return error;
  return new OdoError(
    'dataCorrupt',
    `the backup's member ${entry.path} (${entry.type}) cannot be created beside its others (${code})`,
    {
      hint: 'choose another backup with --backup',
      cause: error,
    },
  );
}

function comesTwice({ path: member }: TarEntry, cause?: unknown): OdoError {
  return new OdoError('dataCorrupt', `the backup has its member ${member} twice`, {
    hint: 'choose another backup with --backup',
    cause,
  });
}

/**
 * Opens a file with exactly that mode, whatever the umask. The file is new, unless its content may be reused. Never
 * opens through a link that an earlier member planted.
 */
function openNoFollow(file: string, mode: number, keepContent: boolean): number {
  const { O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
  const access = keepContent ? O_RDWR : O_WRONLY | O_EXCL;
  const fd = fs.openSync(file, access | O_CREAT | (O_NOFOLLOW ?? 0), mode);
  try {
    fs.fchmodSync(fd, mode);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return fd;
}
