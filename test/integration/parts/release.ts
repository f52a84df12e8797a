import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { alone } from './made-once.ts';
import { mustRun } from './run.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
const RELEASE = path.join(ROOT, 'dist/release');
/** What a release is made of. */
const SOURCES = [
  'src',
  'native',
  'scripts/build',
  'scripts/package',
  'package.json',
  'package-lock.json',
  'Dockerfile',
  'README.md',
];

/** The folder of a release of these very sources; it is made where there is none, or one of older sources. */
export function madeRelease(): Promise<string> {
  return alone(`odo-test-release-${ROOT}`, async () => {
    if (!isCurrent()) await mustRun(process.execPath, [path.join(ROOT, 'scripts/package/main.ts')]);
    return RELEASE;
  });
}

function isCurrent(): boolean {
  const made = fs.statSync(path.join(RELEASE, 'SHA256SUMS'), { throwIfNoEntry: false });
  if (!made) return false;
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...SOURCES];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean);
  return files.every((file) => {
    const source = fs.statSync(path.join(ROOT, file), { throwIfNoEntry: false });
    return source !== undefined && source.mtimeMs < made.mtimeMs;
  });
}
