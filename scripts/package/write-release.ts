import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { COMMANDS } from '../../src/cli/commands/command-table.ts';
import { completionScript } from '../../src/cli/commands/completion.ts';
import { manPage } from '../../src/cli/commands/man-page.ts';
import { imageFileName } from '../../src/restore/engine/image-file.ts';
import { NATIVE } from '../build/bundle.ts';
import { type BuiltFile, LICENCES_FILE, MODULE_FILE, makeDist, NATIVE_FILE } from '../build/make-dist.ts';
import { saveImage } from './base-image.ts';
import { parseDockerfile } from './dockerfile.ts';
import { makeExecutable } from './make-executable.ts';
import { makeNpmTarball, readMetadata } from './npm-tarball.ts';
import { writeImage } from './write-image.ts';

export const EXECUTABLE = 'odo-linux-x64';
export const SUMS = 'SHA256SUMS';

/**
 * Makes all that a release has in `folder`, which is emptied first. Gives the base image that it stands on.
 * @param createdAt of the image, as ISO 8601
 */
export async function writeRelease(folder: string, createdAt: string): Promise<{ name: string; id: string }> {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const metadata = readMetadata();
  const { version } = metadata;
  const write = (name: string, content: string | Uint8Array, mode = 0o644) => {
    fs.writeFileSync(path.join(folder, name), content);
    fs.chmodSync(path.join(folder, name), mode);
  };

  const { program, files } = await makeDist();
  const built = (file: string) => (files.get(file) as BuiltFile).content;
  const native = built(NATIVE_FILE);
  const licences = Buffer.concat([fs.readFileSync('native/LICENSES'), Buffer.from('\n'), built(LICENCES_FILE)]);
  const manual = `${manPage(COMMANDS)}\n`;
  write(EXECUTABLE, makeExecutable(program.script, { [NATIVE]: native }), 0o755);
  const says = execFileSync(path.join(folder, EXECUTABLE), ['--version'], { encoding: 'utf8' }).trim();
  if (says !== version) throw new Error(`the executable says that it is ${says}, and this is ${version}`);
  write(
    `odo-${version}.tgz`,
    makeNpmTarball(metadata, {
      LICENSES: licences,
      [MODULE_FILE]: built(MODULE_FILE),
      [NATIVE_FILE]: native,
      'odo.1': Buffer.from(manual),
      'README.md': fs.readFileSync('README.md'),
    }),
  );
  write('odo.bash', `${completionScript('bash', COMMANDS)}\n`);
  write('_odo', `${completionScript('zsh', COMMANDS)}\n`);
  write('odo.fish', `${completionScript('fish', COMMANDS)}\n`);
  write('odo.1', manual);
  write('LICENSES', licences);

  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-package-'));
  try {
    const recipe = parseDockerfile(fs.readFileSync('Dockerfile', 'utf8'));
    const base = await saveImage(recipe.base, temporary);
    const about = { version, build: program.digest, createdAt };
    await writeImage(path.join(folder, imageFileName(version)), base, recipe, files, about);
    write(SUMS, sumsOf(folder));
    return { name: recipe.base, id: base.id };
  } finally {
    fs.rmSync(temporary, { recursive: true });
  }
}

/** As `sha256sum --check` reads them. */
function sumsOf(folder: string): string {
  const names = fs.readdirSync(folder).sort();
  const sum = (name: string) =>
    createHash('sha256')
      .update(fs.readFileSync(path.join(folder, name)))
      .digest('hex');
  return names.map((name) => `${sum(name)}  ${name}\n`).join('');
}
