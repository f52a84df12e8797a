import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { makeNpmTarball } from '../../../scripts/package/npm-tarball.ts';

const METADATA = {
  name: 'odo',
  version: '9.8.7',
  description: 'what it is',
  license: 'MIT',
  type: 'module',
  bin: { odo: 'dist/odo.mjs' },
  engines: { node: '>=22.15' },
};
const FILES = { 'dist/odo.mjs': Buffer.from('the program'), 'odo.1': Buffer.from('the manual') };

it('the npm package needs no other, and is the same each time', () => {
  const more = {
    ...METADATA,
    dependencies: { yargs: '*' },
    devDependencies: { esbuild: '*' },
    scripts: { build: 'x' },
  };
  const tarball = makeNpmTarball(more, FILES);
  expect(makeNpmTarball(more, FILES).equals(tarball)).toBe(true);
  const tar = gunzipSync(tarball).toString('latin1');
  expect(tar).toContain('"bin": {\n    "odo": "dist/odo.mjs"');
  expect(tar).toContain('package/dist/odo.mjs\0');
  for (const word of ['ependencies', 'scripts']) expect(tar).not.toContain(word);
});

it('what is to be run can be run', () => {
  const tar = gunzipSync(makeNpmTarball(METADATA, FILES)).toString('latin1');
  const modeOf = (file: string) => tar.substring(tar.indexOf(`package/${file}\0`) + 100).substring(0, 7);
  expect([modeOf('dist/odo.mjs'), modeOf('odo.1')]).toEqual(['0000755', '0000644']);
});
