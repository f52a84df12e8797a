import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { perFileSystem } from '../../../../src/tree/places/per-file-system.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

test('directories on one file system share what was made for the first', () => {
  const directory = scratchDirectory();
  fs.mkdirSync(path.join(directory, 'deeper'));
  const made: string[] = [];
  const of = perFileSystem((asked) => made.push(asked));
  expect(of(directory)).toBe(1);
  expect(of(path.join(directory, 'deeper'))).toBe(1);
  // Always a file system of its own.
  expect(of('/proc')).toBe(2);
  expect(of(directory)).toBe(1);
  expect(made[0]).toBe(directory);
});
