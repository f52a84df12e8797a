import fs from 'node:fs';
import path from 'node:path';
import { scratchDirectory } from './scratch-directory.ts';

/** Programs that a shell calls, for a PATH that holds one certain shell under the name of sh. */
const PROGRAMS = ['cp', 'mv', 'rm', 'rmdir', 'sleep', 'test'];

function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
}

/** Debian's images have dash, Alpine's have busybox; every one of them that is here is tried, and `sh` always. */
export const SHELLS = ['sh', 'dash', 'bash', 'busybox'].filter(
  (name) => name === 'sh' || findProgram(name) !== undefined,
);

/** A folder for PATH in which that shell is `sh`. */
export function binFolder(shell: string): string {
  const folder = scratchDirectory();
  const program = findProgram(shell) as string;
  fs.chmodSync(folder, 0o755);
  fs.symlinkSync(program, path.join(folder, 'sh'));
  for (const name of PROGRAMS) {
    const own = shell === 'busybox' ? program : findProgram(name);
    if (own !== undefined) fs.symlinkSync(own, path.join(folder, name));
  }
  return folder;
}

/**
 * What PostgreSQL makes of a setting before it gives it to system(3); any other use of the percent sign is an error to
 * it.
 */
export function expand(setting: string, values: Record<string, string>): string {
  return setting.replace(/%(.?)/g, (_all, letter: string) => {
    const value = letter === '%' ? '%' : values[letter];
    if (value === undefined) throw new Error(`PostgreSQL refuses %${letter}`);
    return value;
  });
}
