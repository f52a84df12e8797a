import fs from 'node:fs';
import path from 'node:path';
import { isSea } from 'node:sea';
import { VERSION } from './build.ts';

/** The name of the restore image's archive in a release. */
export function imageFileName(version: string): string {
  return `odo-image-${version}.tar.gz`;
}

/** The archive of the restore image that lies beside this very program; undefined when there is none. */
export function imageFileBeside(program = ownProgram()): string | undefined {
  if (program === undefined) return undefined;
  const file = path.join(path.dirname(program), imageFileName(VERSION));
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined;
}

/** What to do about a restore image that is not there, or is another's. */
export function imageHint(image: string, beside = imageFileBeside()): string {
  if (beside !== undefined) return `"odo image load" loads it from ${beside}; or name another with --image`;
  return (
    `load ${imageFileName(VERSION)} of the same release with "odo image load FILE", build it in ODO's folder with ` +
    `"npm run build && docker build -t ${image} .", or name another with --image or ODO_IMAGE`
  );
}

/** Where this program really lies, whatever links led to it. */
function ownProgram(): string | undefined {
  try {
    return isSea() ? process.execPath : fs.realpathSync(process.argv[1] as string);
  } catch {
    return undefined;
  }
}
