import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { Backup } from '../../../src/formats/format.ts';
import { planWal } from '../../../src/wal/plan-wal.ts';
import { MemoryStore } from '../formats/memory-store.ts';
import { archiveOf, segment } from './named-archive.ts';

const BACKUP: Backup = {
  id: 'b1',
  format: 'barman',
  state: 'complete',
  tablespaces: [],
  parts: [],
  wal: 'archive',
  timeline: 1,
  beginWal: segment(1, 2),
  endWal: segment(1, 4),
  endLsn: '0/4000100',
};

function segments(timeline: number, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => segment(timeline, from + index));
}

/** @param histories content of history files by name; one that ends in .gz is compressed */
function plan(names: string[], histories: Record<string, string> = {}, backup: Partial<Backup> = {}) {
  const contents = Object.entries(histories).map(
    ([name, text]) => [name, { content: name.endsWith('.gz') ? gzipSync(text) : Buffer.from(text) }] as const,
  );
  const store = new MemoryStore(new Map(contents));
  const sizes = new Map(contents.map(([name, { content }]) => [name, content.length]));
  const archive = archiveOf([...names, ...Object.keys(histories)], (name) => sizes.get(name) ?? 10);
  return planWal(store, archive, { ...BACKUP, ...backup });
}

it('counts what there is from the begin of the backup to the end of the archive', async () => {
  expect(await plan(segments(1, 1, 7))).toEqual({
    source: 'archive',
    spans: [{ timeline: 1, firstSegment: segment(1, 2) }],
    segmentSizeBytes: 16 * 2 ** 20,
    recoveryTargetTimeline: 'latest',
    histories: [],
    segments: 6,
    storedBytes: 60,
    endSegment: segment(1, 7),
  });
});

it('follows the histories that it reads from the archive, packed or not', async () => {
  const names = [...segments(1, 2, 5), ...segments(2, 5, 8)];
  const expected = {
    recoveryTargetTimeline: 'latest',
    segments: 8,
    endSegment: segment(2, 8),
    spans: [{ timeline: 1 }, { timeline: 2 }],
  };
  expect(await plan(names, { '00000002.history': '1\t0/5000123\tno recovery target specified\n' })).toMatchObject(expected);
  expect(await plan(names, { '00000002.history.gz': '1\t0/5000123\tno recovery target specified\n' })).toMatchObject(expected);
});

it('wants the history of its own timeline as well, by which PostgreSQL knows a timeline given by number', async () => {
  const histories = { '00000002.history': '1\t0/1000000\tx\n', '00000003.history': '1\t0/500000\tx\n' };
  const found = await plan(segments(2, 2, 5), histories, { timeline: 2, beginWal: segment(2, 2), endWal: segment(2, 4) });
  expect(found).toMatchObject({ recoveryTargetTimeline: 2, histories: ['00000002.history', '00000003.history'] });
});

it('tells of a hole behind the backup, and how far it gets', async () => {
  expect(await plan([...segments(1, 2, 5), ...segments(1, 7, 9)])).toMatchObject({
    endSegment: segment(1, 5),
    segments: 4,
    hole: segment(1, 6),
  });
});

it.each([
  ['in the middle', [...segments(1, 2, 2), ...segments(1, 4, 6)], segment(1, 3)],
  ['at its beginning', segments(1, 3, 6), segment(1, 2)],
  ['at its end', segments(1, 2, 3), `the one after ${segment(1, 3)}`],
  ['altogether', [], segment(1, 2)],
])('refuses a backup whose own WAL is missing %s, and names what is missing', async (_where, names, missing) => {
  await expect(plan(names)).rejects.toMatchObject({
    code: 'backupIncomplete',
    message: expect.stringMatching(new RegExp(`needs WAL ${segment(1, 2)} to ${segment(1, 4)}.*lacks ${missing}$`)),
  });
});

it('is content with exactly what the backup needs', async () => {
  expect(await plan(segments(1, 2, 4))).toMatchObject({ segments: 3, endSegment: segment(1, 4) });
});

it('needs nothing of the archive for a backup that brings its WAL', async () => {
  const store = new MemoryStore({});
  expect(await planWal(store, archiveOf([]), { ...BACKUP, wal: 'included' })).toEqual({ source: 'included' });
  expect(await planWal(store, undefined, BACKUP)).toEqual({ source: 'included' });
});

it('refuses a backup that does not say where it begins', async () => {
  const { beginWal: _beginWal, ...backup } = BACKUP;
  await expect(planWal(new MemoryStore({}), archiveOf([]), backup)).rejects.toMatchObject({ code: 'backupIncomplete' });
});

it('calls a history that cannot be read corrupt, by its name', async () => {
  await expect(plan(segments(1, 2, 5), { '00000002.history': 'nonsense\n' })).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining('00000002.history'),
  });
});

it('reckons with the segment size of the server', async () => {
  const names = ['00000001000000000000000F', '000000010000000000000010', '000000010000000000000011'];
  const backup = { beginWal: names[0] as string, endWal: names[2] as string, endLsn: '0/1110000', walSegmentSizeBytes: 2 ** 20 };
  expect(await plan(names, { '00000002.history': '1\t0/1180000\tx\n' }, backup)).toMatchObject({
    segmentSizeBytes: 2 ** 20,
    spans: [{ lastSegment: '000000010000000000000011' }, { firstSegment: '000000020000000000000011' }],
  });
});
