import fs from 'node:fs';
import path from 'node:path';

/**
 * Where something else is mounted below a directory, by the kernel's own list: such a thing cannot be renamed, and what is renamed out of its
 * folder stays there. Device numbers would not tell: on btrfs and overlay file systems they differ without any mount.
 * @param mountinfo see proc(5)
 */
export function mountsInside(directory: string, mountinfo = '/proc/self/mountinfo'): string[] {
  const points = mountPoints(mountinfo);
  const real = realPath(directory);
  return points.filter((point) => isBelow(point, real)).sort();
}

/** Whether two directories are of one mount, so that renames lead from one to the other; true where that cannot be seen. */
export function areOfOneMount(one: string, other: string, mountinfo = '/proc/self/mountinfo'): boolean {
  const points = mountPoints(mountinfo);
  return mountOf(realPath(one), points) === mountOf(realPath(other), points);
}

function mountOf(directory: string, points: readonly string[]): string | undefined {
  const holding = points.filter((point) => point === directory || isBelow(directory, point));
  return holding.sort((a, b) => b.length - a.length)[0];
}

/** The fifth field of each line; blanks, tabs, line feeds and backslashes stand there in octal. */
function mountPoints(mountinfo: string): string[] {
  let text: string;
  try {
    text = fs.readFileSync(mountinfo, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((point) => point.replace(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8))));
}

/** Of what is not there (yet), by its nearest parent. */
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
