import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { openBarmanWalArchive } from '../../../../src/formats/barman/wal-archive.ts';
import { surveyWal } from '../../../../src/wal/timelines/survey-wal.ts';
import { type MemoryObject, MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';

const SIZE = 16 * 2 ** 20;
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

it('keeps what is consecutive as one run, across the slices in which it is listed', async () => {
  const names = numbers(200).map((number) => segment(1, number));
  const times = (name: string) => new Date(Date.UTC(2026, 0, 1, 0, Number.parseInt(name.slice(16), 16)));
  const archive = archiveOf([...names.filter((_, index) => index !== 77), segment(2, 200)], () => 3, times);
  const { runs } = await surveyWal(new MemoryStore({}), archive, SIZE);
  expect([...runs.keys()]).toEqual([1, 2]);
  expect(runs.get(1)).toEqual([
    {
      timeline: 1,
      firstNumber: 0,
      lastNumber: 76,
      storedBytes: 77 * 3,
      firstArchivedAt: times(segment(1, 0)),
      lastArchivedAt: times(segment(1, 76)),
    },
    {
      timeline: 1,
      firstNumber: 78,
      lastNumber: 199,
      storedBytes: 122 * 3,
      firstArchivedAt: times(segment(1, 78)),
      lastArchivedAt: times(segment(1, 199)),
    },
  ]);
  expect(runs.get(2)).toMatchObject([{ firstNumber: 200, lastNumber: 200 }]);
});

it('reads the histories, with the time of their upload', async () => {
  const archivedAt = new Date('2026-01-02T03:04:05Z');
  const content = gzipSync('1\t0/4000500\tno recovery target specified\n');
  const store = new MemoryStore({ 'wals/00000002.history.gz': { content, lastModified: archivedAt } });
  const { histories } = await surveyWal(store, openBarmanWalArchive(store, ''), SIZE);
  expect(histories).toEqual([
    {
      timeline: 2,
      ancestors: [{ timeline: 1, switchLsn: '0/4000500', reason: 'no recovery target specified' }],
      archivedAt,
    },
  ]);
});

it('passes over a history that cannot be read, and tells', async () => {
  const store = new MemoryStore({ 'wals/00000002.history': 'nonsense', 'wals/00000003.history': '1\t0/4000500\tx\n' });
  const { histories, problems } = await surveyWal(store, openBarmanWalArchive(store, ''), SIZE);
  expect(histories.map(({ timeline }) => timeline)).toEqual([3]);
  expect(problems).toEqual([expect.stringMatching(/^00000002\.history is passed over: .*nonsense/)]);
});

it('passes over names that no segment of this size has, and names one', async () => {
  const odd = '0000000100000000000000FF';
  const archive = archiveOf([segment(1, 1), segment(1, 2), odd]);
  const { runs, problems } = await surveyWal(new MemoryStore({}), archive, 64 * 2 ** 20);
  expect(problems).toEqual([`no segment of 67108864 bytes is named ${odd}; 1 of the kind are passed over`]);
  expect(runs.get(1)).toMatchObject([{ firstNumber: 1, lastNumber: 2 }]);
});

it('lists the folders of a barman archive in slices, each of them once', async () => {
  const objects: Record<string, MemoryObject> = { 'wals/00000002.history.tmp': {}, 'wals/notes/x': {} };
  for (const log of numbers(40)) {
    const folder = `00000001${log.toString(16).toUpperCase().padStart(8, '0')}`;
    for (const low of numbers(256)) {
      objects[`wals/${folder}/${folder}${low.toString(16).toUpperCase().padStart(8, '0')}.gz`] = { sizeBytes: 1 };
    }
    objects[`wals/${folder}/${folder}00000003.00000028.backup.gz`] = { sizeBytes: 1 };
  }
  const store = new MemoryStore(objects);
  const archive = openBarmanWalArchive(store, '');
  const { runs } = await surveyWal(store, archive, SIZE);
  expect(runs.get(1)).toMatchObject([{ firstNumber: 0, lastNumber: 40 * 256 - 1, storedBytes: 40 * 256 }]);

  for (const [count, slices] of [
    [1, 1],
    [16, 14],
    [1000, 40],
  ] as const) {
    const listed = await archive.slices(count);
    expect(listed).toHaveLength(slices);
    let files = 0;
    for (const slice of listed) for await (const _ of slice) files += 1;
    expect(files).toBe(40 * 256);
  }
  expect(await openBarmanWalArchive(new MemoryStore({}), '').slices(4)).toEqual([]);
});
