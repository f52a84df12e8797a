import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { hasOwnTables } from '../../../src/restore/own-tables.ts';
import { scratchDirectory } from '../scratch-directory.ts';
import { plantTree } from '../tree-snapshot.ts';

/** As initdb and an image's entry point leave it: their databases have the files of a template, whatever number they have themselves. */
const EMPTY = {
  'global/1262': 'x',
  'base/1/1259': 'x',
  'base/1/2613': '',
  'base/5/13457': 'x',
  'base/16384/1259_fsm': 'x',
  'base/16384/PG_VERSION': '15',
  'base/16384/pg_filenode.map': 'x',
};

it.each<[string, Record<string, string>]>([
  ['a table', { 'base/16384/16385': 'x' }],
  ['a table that is empty', { 'base/5/24576': '' }],
  ['a catalogue that somebody has rewritten', { 'base/5/16400_vm': 'x' }],
  ['a large object', { 'base/16384/2613': 'x' }],
])('%s is what initdb has not made', (_what, files) => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  expect(hasOwnTables(directory)).toBe(false);
  plantTree(directory, files);
  expect(hasOwnTables(directory)).toBe(true);
});

it('so is a tablespace', () => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  fs.mkdirSync(path.join(directory, 'pg_tblspc'));
  expect(hasOwnTables(directory)).toBe(false);
  fs.symlinkSync('/nowhere', path.join(directory, 'pg_tblspc/16500'));
  expect(hasOwnTables(directory)).toBe(true);
});

it('there is nothing in a directory without databases', () => {
  expect(hasOwnTables(scratchDirectory())).toBe(false);
});
