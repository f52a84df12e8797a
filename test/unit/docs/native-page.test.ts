import fs from 'node:fs';
import { expect, test } from 'vitest';

const read = (file: string) => fs.readFileSync(new URL(`../../../native/${file}`, import.meta.url), 'utf8');

test('the page on compiled code names the libraries that are in it, in their versions', () => {
  const made = [...read('LICENSES').matchAll(/^==== ([\w-]+)_([\d.]+)\.orig\.tar/gm)].map(([, name, version]) => [
    name,
    version,
  ]);
  const told = [...read('README.md').matchAll(/^\| ([\w-]+)(?: \([\w-]+\))? \| ([\d.]+) \|/gm)].map(
    ([, name, version]) => [name, version],
  );
  expect(made.length).toBeGreaterThan(4);
  expect(told).toEqual(made);
});
