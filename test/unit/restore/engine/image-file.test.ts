import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { VERSION } from '../../../../src/restore/engine/build.ts';
import { imageFileBeside, imageFileName, imageHint } from '../../../../src/restore/engine/image-file.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

it("finds the image's archive of its own version beside the program", () => {
  const folder = scratchDirectory();
  const program = path.join(folder, 'odo-linux-x64');
  expect(imageFileBeside(program)).toBeUndefined();
  fs.writeFileSync(path.join(folder, imageFileName('9.9.9')), '');
  fs.mkdirSync(path.join(folder, imageFileName(VERSION)));
  expect(imageFileBeside(program)).toBeUndefined();
  fs.rmdirSync(path.join(folder, imageFileName(VERSION)));
  fs.writeFileSync(path.join(folder, imageFileName(VERSION)), '');
  expect(imageFileBeside(program)).toBe(path.join(folder, `odo-image-${VERSION}.tar.gz`));
});

it('names the command that loads it, with or without a file', () => {
  expect(imageHint('odo:1', '/opt/odo/image.tar.gz')).toBe(
    '"odo image load" loads it from /opt/odo/image.tar.gz; or name another with --image',
  );
  expect(imageHint('odo:1', undefined)).toContain('"odo image load FILE"');
  expect(imageHint('odo:1', undefined)).toContain('docker build -t odo:1 .');
});
