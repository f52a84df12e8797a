import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readReplacementConf } from '../../../../src/restore/proofs/replacement-conf.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const FILE = 'postgresql.auto.conf';

it("reads the folder's own file, before that of its folder confs", () => {
  const directory = scratchDirectory();
  plantTree(directory, { [`confs/${FILE}`]: 'inner' });
  expect(readReplacementConf(directory)).toEqual({ file: path.join(directory, 'confs', FILE), content: 'inner' });
  plantTree(directory, { [FILE]: 'own' });
  expect(readReplacementConf(directory)).toEqual({ file: path.join(directory, FILE), content: 'own' });
});

it('may be empty, which is not the same as missing', () => {
  const directory = scratchDirectory();
  plantTree(directory, { [FILE]: '' });
  expect(readReplacementConf(directory).content).toBe('');
});

it.each([
  ['an empty folder', (directory: string) => directory],
  ['no folder', (directory: string) => path.join(directory, 'none')],
  ['a file', (directory: string) => path.join(directory, 'file')],
])('ends with exit code 3 for %s, naming where it looked', (_what, choose) => {
  const directory = scratchDirectory();
  fs.writeFileSync(path.join(directory, 'file'), '');
  const asked = choose(directory);
  expect(() => readReplacementConf(asked)).toThrow(
    expect.objectContaining({
      code: 'noReplacementConf',
      exitCode: 3,
      message: expect.stringContaining(path.join(asked, 'confs', FILE)),
    }),
  );
});

it('does not pass over a file that is there and cannot be read', () => {
  const directory = scratchDirectory();
  plantTree(directory, { [`${FILE}/`]: '', [`confs/${FILE}`]: 'another' });
  expect(() => readReplacementConf(directory)).toThrow(
    expect.objectContaining({ code: 'noReplacementConf', message: expect.stringContaining('EISDIR') }),
  );
});
