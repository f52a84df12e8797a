import fs from 'node:fs';
import path from 'node:path';

/**
 * Mount points below a directory, by the kernel's own list. A mount point cannot be renamed, and stays when its
 * folder's content is moved. Device numbers would not tell: on btrfs and overlay file systems they differ without any
 * mount.
 * @param mountinfo see proc(5)
 */
export function mountsInside(directory: string, mountinfo = '/proc/self/mountinfo'): string[] {
  const points = mountPoints(mountinfo);
  const real = realPath(directory);
  return points.filter((point) => isBelow(point, real)).sort();
}

/**
 * Whether two directories are of one mount, so that renames lead from one to the other. True where the mounts cannot be
 * seen.
 */
export function areOfOneMount(one: string, other: string, mountinfo = '/proc/self/mountinfo'): boolean {
  const points = mountPoints(mountinfo);
  return mountOf(realPath(one), points) === mountOf(realPath(other), points);
}

/** File systems whose parts have device numbers of their own, though all parts share the room. */
const POOLED = new Set(['btrfs', 'zfs', 'bcachefs']);

/** A name that directories have in common when they share the room of one file system. The directory exists. */
export function fileSystemOf(directory: string, mountinfo = '/proc/self/mountinfo'): string {
  const lines = mountLines(mountinfo);
  const point = mountOf(
    realPath(directory),
    lines.map((line) => line.point),
  );
  // Of several mounts at one point the last is the one that is seen.
  const mount = lines.findLast((line) => line.point === point);
  if (!mount || !POOLED.has(mount.type)) return String(fs.statSync(directory).dev);
  const pool = mount.type === 'zfs' ? mount.source.split('/')[0] : mount.source;
  return `${mount.type} ${pool}`;
}

function mountOf(directory: string, points: readonly string[]): string | undefined {
  const holding = points.filter((point) => point === directory || isBelow(directory, point));
  return holding.sort((a, b) => b.length - a.length)[0];
}

function mountPoints(mountinfo: string): string[] {
  return mountLines(mountinfo).map(({ point }) => point);
}

interface MountLine {
  point: string;
  type: string;
  source: string;
}

/**
 * Reads the fifth field of each line, and those behind the dash. Blanks, tabs, line feeds and backslashes are written
 * in octal.
 */
function mountLines(mountinfo: string): MountLine[] {
  let text: string;
  try {
    text = fs.readFileSync(mountinfo, 'utf8');
  } catch {
    return [];
  }
  const plain = (word: string) =>
    word.replace(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const [, type = '', source = ''] = fields.slice(fields.indexOf('-', 6));
    return fields[4] === undefined ? [] : [{ point: plain(fields[4]), type, source: plain(source) }];
  });
}

/** The real path. For a file that does not exist (yet), it is found by the nearest parent. */
export function realPath(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(realPath(parent), path.basename(file));
  }
}

function isBelow(file: string, directory: string): boolean {
  return file !== directory && file.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
