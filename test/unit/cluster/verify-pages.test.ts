import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { verifyPages } from '../../../src/cluster/verify-pages.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';
import { plantTree } from '../parts/tree-snapshot.ts';

const real = fs.readFileSync(new URL('../../fixtures/postgres/relation_pages.17', import.meta.url));
const LATE = 'FFFFFFFF/0';
let root: string;

beforeEach(() => {
  root = path.join(scratchDirectory(), 'pgdata');
  plantTree(root, {
    'base/5/1255': '',
    'base/5/PG_VERSION': '17\n',
    'global/pg_filenode.map': 'no pages',
    'pg_wal/1': 'no page',
  });
  fs.writeFileSync(path.join(root, 'base/5/1255'), real);
});

const damage = (file: string, at: number) => {
  const content = fs.readFileSync(file);
  content[at] = (content[at] as number) ^ 0xff;
  fs.writeFileSync(file, content);
};

it('finds nothing in what a server wrote, and passes over files that are no relations', async () => {
  const seen: number[] = [];
  const options = {
    pageBytes: 8192,
    segmentBlocks: 131072,
    startLsn: LATE,
    onBytes: (bytes: number) => seen.push(bytes),
  };
  expect(await verifyPages(root, options)).toEqual({ pages: 2, badCount: 0, bad: [] });
  expect(seen.reduce((sum, bytes) => sum + bytes, 0)).toBe(16384);
});

it('names the file and the block of a damaged page', async () => {
  const file = path.join(root, 'base/5/1255');
  damage(file, 8192 + 5000);
  expect(await verifyPages(root, { pageBytes: 8192, segmentBlocks: 131072, startLsn: LATE })).toEqual({
    pages: 2,
    badCount: 1,
    bad: [{ file, block: 1 }],
  });
});

it('does not judge pages that were changed since the backup began, nor those never written', async () => {
  const file = path.join(root, 'base/5/1255');
  damage(file, 5000);
  fs.appendFileSync(file, Buffer.alloc(8192));
  expect(await verifyPages(root, { pageBytes: 8192, segmentBlocks: 131072, startLsn: '0/1' })).toEqual({
    pages: 3,
    badCount: 0,
    bad: [],
  });
});

it('counts blocks over the segments of a large relation, and looks into forks and tablespaces', async () => {
  const space = path.join(path.dirname(root), 'space');
  plantTree(space, { 'PG_17_1/5/7': '' });
  // page 1 is what it says only as the second block: with segments of one page, .1 holds it
  fs.writeFileSync(path.join(root, 'base/5/1255'), real.subarray(0, 8192));
  fs.writeFileSync(path.join(root, 'base/5/1255.1'), real.subarray(8192));
  fs.writeFileSync(path.join(root, 'base/5/1255_fsm'), real.subarray(8192));
  fs.writeFileSync(path.join(space, 'PG_17_1/5/7'), real.subarray(8192));
  const { pages, bad } = await verifyPages(root, {
    pageBytes: 8192,
    segmentBlocks: 1,
    startLsn: LATE,
    tablespaces: [space],
  });
  expect(pages).toBe(4);
  expect(bad.map(({ file, block }) => [path.basename(file), block])).toEqual([
    ['1255_fsm', 0],
    ['7', 0],
  ]);
});

it('calls a file corrupt that ends in the middle of a page', async () => {
  fs.appendFileSync(path.join(root, 'base/5/1255'), 'x');
  await expect(verifyPages(root, { pageBytes: 8192, segmentBlocks: 131072, startLsn: LATE })).rejects.toMatchObject({
    code: 'dataCorrupt',
  });
});

it('stops when it is told to', async () => {
  const signal = AbortSignal.abort();
  await expect(
    verifyPages(root, { pageBytes: 8192, segmentBlocks: 131072, startLsn: LATE, signal }),
  ).rejects.toMatchObject({
    code: 'cancelled',
  });
});
