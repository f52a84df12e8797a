import fs from 'node:fs';
import path from 'node:path';
import { bundleProgram, NATIVE } from './bundle.ts';
import { type Program, packProgram } from './pack.ts';

/** A file that is built, with its mode. */
export interface BuiltFile {
  content: Buffer;
  mode: number;
}

/** What is built of the sources: the files of `dist/`, by their paths, and the program in all its forms. */
export interface Built {
  files: ReadonlyMap<string, BuiltFile>;
  program: Program;
}

export const MODULE_FILE = 'dist/odo.mjs';
export const NATIVE_FILE = `dist/${NATIVE}`;
export const LICENCES_FILE = 'dist/odo.mjs.LEGAL.txt';

/** Builds ODO, and writes nothing. */
export async function makeDist(): Promise<Built> {
  const native = fs.readFileSync(path.join('native', NATIVE));
  const bundle = await bundleProgram();
  const program = packProgram(bundle, native);
  const files = new Map<string, BuiltFile>([
    [NATIVE_FILE, { content: native, mode: 0o644 }],
    [LICENCES_FILE, { content: Buffer.from(bundle.licences), mode: 0o644 }],
    [MODULE_FILE, { content: Buffer.from(program.module), mode: 0o755 }],
  ]);
  return { files, program };
}

/** Writes them, each under another name first: a command that is being started must not read half of it. */
export function writeDist({ files }: Built): void {
  for (const [file, { content, mode }] of files) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(`${file}.new`, content);
    // Whatever the umask.
    fs.chmodSync(`${file}.new`, mode);
    fs.renameSync(`${file}.new`, file);
  }
}
