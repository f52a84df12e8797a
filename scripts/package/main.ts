// package [--check]: makes dist/release, all that one needs to install ODO. The same commit gives the same files, with
// the same packages (package-lock.json) and the same base image. With --check they are made once more, out of a copy of
// the sources elsewhere, and compared.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SUMS, writeRelease } from './write-release.ts';

const RELEASE = path.join('dist', 'release');

process.chdir(path.join(import.meta.dirname, '../..'));
const options = process.argv.slice(2);
if (options.some((option) => option !== '--check')) throw new Error('usage: package [--check]');

if (isChanged()) process.stderr.write('there are changes that are not committed: what is made is of no commit\n');
const epochSeconds = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'));
const base = await writeRelease(RELEASE, new Date(epochSeconds * 1000).toISOString());
const sums = fs.readFileSync(path.join(RELEASE, SUMS), 'utf8');
process.stdout.write(`${sums}on ${base.name}, sha256:${base.id}\n`);
if (options.includes('--check')) {
  const again = makeElsewhere();
  if (again !== sums) throw new Error(`made once more, it is something else:\n${again}`);
  process.stdout.write('made once more elsewhere: the same\n');
}

/** Not where the sources are a copy. */
function isChanged(): boolean {
  return fs.existsSync('.git') && git('status', '--porcelain') !== '';
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' });
}

/** The sums of a release that is made of the same sources in another folder. */
function makeElsewhere(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-again-'));
  try {
    for (const file of git('ls-files', '-z', '--cached', '--others', '--exclude-standard')
      .split('\0')
      .filter(Boolean)) {
      fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      fs.copyFileSync(file, path.join(folder, file));
    }
    fs.symlinkSync(fs.realpathSync('node_modules'), path.join(folder, 'node_modules'));
    execFileSync(process.execPath, ['scripts/package/main.ts'], {
      cwd: folder,
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return fs.readFileSync(path.join(folder, RELEASE, SUMS), 'utf8');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
