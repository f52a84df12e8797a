import { expect, it } from 'vitest';
import { openBarmanWalArchive } from '../../../../src/formats/barman/wal-archive.ts';
import { fixtureStore } from '../../parts/fixture-store.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

async function namesOf(files: AsyncIterable<{ name: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of files) names.push(name);
  return names;
}

it('gives the segments of a timeline, and neither .partial nor .backup files', async () => {
  const store = fixtureStore('barman');
  const archive = openBarmanWalArchive(store, 'prefix/pg17/');
  const keys = [...store.objects.keys()].filter((key) => key.startsWith('prefix/pg17/wals/00000001'));
  expect(keys.some((key) => key.includes('.backup'))).toBe(true);
  expect(keys.some((key) => key.includes('.partial'))).toBe(true);
  const segments = keys.filter((key) => /\/[0-9A-F]{24}\.gz$/.test(key)).map((key) => key.slice(-27, -3));
  expect(await namesOf(archive.segments(1, '000000010000000000000001'))).toEqual(segments);
  expect(await namesOf(archive.segments(1, segments[3] ?? ''))).toEqual(segments.slice(3));
  expect(await namesOf(archive.segments(3, '000000030000000000000001'))).toEqual([]);
});

it('gives what it takes to read one', async () => {
  const archive = openBarmanWalArchive(fixtureStore('barman'), 'prefix/pg17/');
  for await (const file of archive.segments(2, '000000020000000000000000')) {
    expect(file).toEqual({
      name: expect.stringMatching(/^00000002[0-9A-F]{16}$/),
      key: `prefix/pg17/wals/0000000200000000/${file.name}.gz`,
      sizeBytes: expect.any(Number),
      etag: expect.any(String),
      layers: ['gzip'],
      archivedAt: expect.any(Date),
    });
  }
  expect(await archive.histories()).toMatchObject([
    { name: '00000002.history', key: 'prefix/pg17/wals/00000002.history.gz', layers: ['gzip'] },
  ]);
});

it('goes on from folder to folder, begins in the middle, and names a doubled segment once', async () => {
  const store = new MemoryStore({
    'wals/0000000100000000/0000000100000000000000FE': '',
    'wals/0000000100000000/0000000100000000000000FF.gz': '',
    'wals/0000000100000000/0000000100000000000000FF.zst': '',
    'wals/0000000100000001/000000010000000100000000.lz4': '',
    'wals/0000000100000001/000000010000000100000000.lz4.tmp': '',
    'wals/0000000100000001/000000010000000100000001.partial': '',
    'wals/0000000100000001/000000010000000100000003': '',
    'wals/0000000200000001/000000020000000100000001': '',
  });
  const archive = openBarmanWalArchive(store, '');
  expect(await namesOf(archive.segments(1, '0000000100000000000000FF'))).toEqual([
    '0000000100000000000000FF',
    '000000010000000100000000',
    '000000010000000100000003',
  ]);
  expect(store.requests).toEqual(['list wals/00000001 after wals/0000000100000000/0000000100000000000000F']);
  // Any of the two may be the good one.
  const first = await archive.segments(1, '0000000100000000000000FF')[Symbol.asyncIterator]().next();
  expect(first.value).toMatchObject({ layers: ['gzip'], twins: [{ layers: ['zstd'] }] });
});

it('gives both histories of one name', async () => {
  const store = new MemoryStore({ 'wals/00000002.history': '', 'wals/00000002.history.gz': 'x' });
  expect(await openBarmanWalArchive(store, '').histories()).toMatchObject([
    { layers: [], twins: [{ layers: ['gzip'] }] },
  ]);
});

it('names what stands in the place of a file that is missing, but not what is never read', async () => {
  const folder = 'wals/0000000100000000/';
  const store = new MemoryStore({
    [`${folder}000000010000000000000002`]: '',
    [`${folder}000000010000000000000003.00000028.backup`]: '',
    [`${folder}000000010000000000000003.00000028.backup.gz`]: '',
    [`${folder}000000010000000000000003.gz.gpg`]: '',
    [`${folder}000000010000000000000003.partial`]: '',
    'wals/00000002.history.age': '',
  });
  const archive = openBarmanWalArchive(store, '');
  expect(await archive.beside('000000010000000000000003')).toEqual([
    '000000010000000000000003.gz.gpg',
    '000000010000000000000003.partial',
  ]);
  expect(await archive.beside('000000010000000000000002')).toEqual([]);
  expect(await archive.beside('00000002.history')).toEqual(['00000002.history.age']);
});

it('finds histories at the root and, where tools have put them there, beside the segments', async () => {
  const store = new MemoryStore({
    'wals/00000003.history.bz2': '',
    'wals/0000000100000000/000000010000000000000001': '',
    'wals/0000000200000000/00000002.history': '',
    'wals/0000000200000000/000000020000000000000002': '',
    'wals/0000000200000001/000000020000000100000002': '',
    'wals/0000000300000000/000000030000000000000002': '',
    'wals/0000000A00000000/0000000A0000000000000002': '',
    'wals/0000000A.history': '',
    'wals/notes.history': '',
  });
  expect((await openBarmanWalArchive(store, '').histories()).map(({ name, layers }) => [name, layers])).toEqual([
    ['00000002.history', []],
    ['00000003.history', ['bzip2']],
    ['0000000A.history', []],
  ]);
});
