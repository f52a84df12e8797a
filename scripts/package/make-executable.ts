import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withNote } from './elf-note.ts';

/** Where Node looks for what it is to run, once the fuse says that there is something. */
const NOTE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';

/**
 * One executable for Linux on x86-64: the Node that runs this, with a program and files for it inside. See
 * https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html
 * @param program a CommonJS module that requires what Node has, and nothing else
 * @param assets by name
 */
export function makeExecutable(program: string, assets: Readonly<Record<string, Uint8Array>>): Buffer {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `this is ${process.platform} on ${process.arch}: the executable is made of the Node of Linux on x64`,
    );
  const node = fs.readFileSync(process.execPath);
  const fuse = node.indexOf(`${FUSE}0`);
  if (fuse === -1 || node.indexOf(FUSE, fuse + 1) !== -1)
    throw new Error(`${process.execPath} cannot be made a single executable`);
  const executable = withNote(node, NOTE, makeBlob(program, assets));
  executable.write('1', fuse + FUSE.length, 'latin1');
  return executable;
}

/** Neither snapshot nor code cache: they need not be the same twice, and the program starts quickly without them. */
function makeBlob(program: string, assets: Readonly<Record<string, Uint8Array>>): Buffer {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-package-'));
  try {
    const write = (name: string, content: string | Uint8Array) => fs.writeFileSync(path.join(folder, name), content);
    write('odo.cjs', program);
    for (const [name, content] of Object.entries(assets)) write(name, content);
    const names = Object.keys(assets).map((name) => [name, name]);
    // Names only: a path would be part of the executable.
    const config = {
      main: 'odo.cjs',
      output: 'blob',
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      assets: Object.fromEntries(names),
    };
    write('config.json', JSON.stringify(config));
    execFileSync(process.execPath, ['--experimental-sea-config', 'config.json'], { cwd: folder, stdio: 'pipe' });
    return fs.readFileSync(path.join(folder, 'blob'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
