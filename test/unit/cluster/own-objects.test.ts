import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { holdsOwnObjects } from '../../../src/cluster/own-objects.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';
import { plantTree } from '../parts/tree-snapshot.ts';

/**
 * As initdb and an image's entry point leave it: their databases have the files of a template, whatever number they
 * have themselves.
 */
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
  ['a catalogue of all databases that somebody has rewritten', { 'global/16401': 'x' }],
])('%s is what initdb has not made', (_what, files) => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  expect(holdsOwnObjects(directory, 8192)).toBe(false);
  plantTree(directory, files);
  expect(holdsOwnObjects(directory, 8192)).toBe(true);
});

it('so is a tablespace', () => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  fs.mkdirSync(path.join(directory, 'pg_tblspc'));
  expect(holdsOwnObjects(directory, 8192)).toBe(false);
  fs.symlinkSync('/nowhere', path.join(directory, 'pg_tblspc/16500'));
  expect(holdsOwnObjects(directory, 8192)).toBe(true);
});

it('there is nothing in a directory without databases', () => {
  expect(holdsOwnObjects(scratchDirectory(), 8192)).toBe(false);
});

/** A page with a row for each number, as PostgreSQL lays it out: pointers from the front, rows from the end. */
function pageOf(numbers: readonly number[], flags = 0): Buffer {
  const page = Buffer.alloc(8192);
  page.writeUInt16LE(24 + 4 * numbers.length, 12);
  numbers.forEach((number, index) => {
    const at = 8192 - 32 * (index + 1);
    page.writeUInt32LE((at | (1 << 15) | (28 << 17)) >>> 0, 24 + 4 * index);
    page.writeUInt16LE(flags, at + 20);
    page[at + 22] = 24;
    page.writeUInt32LE(number, at + 24);
  });
  return page;
}

it.each([
  'base/5/826',
  'base/5/1247',
  'base/5/1255',
  'base/5/1417',
  'base/5/2328',
  'base/5/2605',
  'base/5/2607',
  'base/5/2612',
  'base/16384/2615',
  'base/16384/2617',
  'base/16384/2995',
  'base/16384/3079',
  'base/16384/3456',
  'base/16384/3466',
  'base/16384/3600',
  'base/16384/3602',
  'base/16384/6104',
  'global/1260',
  'global/6100',
])("a row in %s is what initdb has not made, wherever in the file, when its number is a user's", (file) => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  const catalog = path.join(directory, file);
  const initdbs = Buffer.concat(Array.from({ length: 130 }, () => pageOf([10, 12_000, 16_383])));
  fs.writeFileSync(catalog, Buffer.concat([initdbs, pageOf([])]));
  expect(holdsOwnObjects(directory, 8192)).toBe(false);
  fs.appendFileSync(catalog, pageOf([11, 16_384]));
  expect(holdsOwnObjects(directory, 8192)).toBe(true);
});

it('a row whose maker has failed does not count, and one that a page has cut is passed over', () => {
  const directory = scratchDirectory();
  plantTree(directory, EMPTY);
  const HEAP_XMIN_INVALID = 0x0200;
  const cut = pageOf([16_384]);
  cut.writeUInt32LE((8190 | (1 << 15) | (28 << 17)) >>> 0, 24);
  fs.writeFileSync(path.join(directory, 'base/5/1255'), Buffer.concat([pageOf([16_384], HEAP_XMIN_INVALID), cut]));
  expect(holdsOwnObjects(directory, 8192)).toBe(false);
});
