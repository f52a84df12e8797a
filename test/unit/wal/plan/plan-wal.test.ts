import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openBarmanWalArchive } from '../../../../src/formats/barman/wal-archive.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { proveWal } from '../../../../src/restore/proofs/prove-wal.ts';
import { planWal } from '../../../../src/wal/plan/plan-wal.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';

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
  expect(await plan(names, { '00000002.history': '1\t0/5000123\tno recovery target specified\n' })).toMatchObject(
    expected,
  );
  expect(await plan(names, { '00000002.history.gz': '1\t0/5000123\tno recovery target specified\n' })).toMatchObject(
    expected,
  );
});

it('gives the history of its own timeline as well, with which that of the next one begins', async () => {
  const histories = { '00000002.history': '1\t0/1000000\tx\n', '00000003.history': '1\t0/500000\tx\n' };
  const found = await plan(segments(2, 2, 5), histories, {
    timeline: 2,
    beginWal: segment(2, 2),
    endWal: segment(2, 4),
  });
  expect(found).toMatchObject({
    recoveryTargetTimeline: 'current',
    histories: ['00000002.history', '00000003.history'],
  });
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

it.each([
  ['damaged', 'nonsense\n', /unreadable line 'nonsense'/],
  ['empty', '', /00000002.history names no timeline that it comes from/],
  ['its own child', '2\t0/5000000\tx\n', /timeline 2 comes after 2/],
])('passes over a history that is %s, and keeps its number from the new timeline', async (_what, text, reason) => {
  expect(await plan(segments(1, 2, 5), { '00000002.history': text })).toMatchObject({
    endSegment: segment(1, 5),
    histories: [],
    recoveryTargetTimeline: 'current',
    passedOver: [2],
    unreadable: [expect.stringMatching(reason)],
  });
});

describe('segments of a timeline that no history leads to', () => {
  const found = {
    timeline: 2,
    segments: 3,
    firstSegment: segment(2, 5),
    lastSegment: segment(2, 7),
  };

  it('are told, and their number is passed over: PostgreSQL would take it again', async () => {
    expect(await plan([...segments(1, 2, 5), ...segments(2, 5, 7)])).toMatchObject({
      endSegment: segment(1, 5),
      unplaced: [found],
      passedOver: [2],
      recoveryTargetTimeline: 'current',
    });
  });

  it('are told with the reason when there is a history, but an unreadable one', async () => {
    expect(await plan([...segments(1, 2, 5), ...segments(2, 5, 7)], { '00000002.history': '' })).toMatchObject({
      unplaced: [{ ...found, reason: expect.stringMatching(/names no timeline/) }],
    });
  });

  it('are none where the history of a descendant tells of them', async () => {
    const histories = { '00000003.history': '1\t0/5000123\tx\n2\t0/7000456\tx\n' };
    const plan3 = await plan([...segments(1, 2, 5), ...segments(2, 5, 7), ...segments(3, 7, 8)], histories);
    expect(plan3).toMatchObject({
      spans: [{ timeline: 1 }, { timeline: 2 }, { timeline: 3 }],
      recoveryTargetTimeline: 3,
    });
    expect(plan3).not.toHaveProperty('unplaced');
    expect(plan3).not.toHaveProperty('passedOver');
  });

  it('keep all numbers up to theirs from the new timeline, that of gaps too', async () => {
    const histories = { '00000002.history': '1\t0/5000123\tx\n', '00000005.history': '1\t0/1000000\tx\n' };
    expect(await plan([...segments(1, 2, 5), ...segments(2, 5, 7), ...segments(7, 5, 5)], histories)).toMatchObject({
      recoveryTargetTimeline: 2,
      histories: ['00000002.history', '00000005.history'],
      passedOver: [3, 4, 6, 7],
    });
  });

  it('do not matter when they are of an older timeline than the backup', async () => {
    const own = { timeline: 3, beginWal: segment(3, 2), endWal: segment(3, 4) };
    expect(await plan([...segments(2, 2, 5), ...segments(3, 2, 5)], {}, own)).not.toHaveProperty('unplaced');
  });
});

it('never sends the server to a timeline behind a hole: that would be noted as the parent of its new one', async () => {
  const names = [...segments(1, 2, 5), ...segments(1, 7, 8), ...segments(2, 8, 9)];
  expect(await plan(names, { '00000002.history': '1\t0/8000123\tx\n' })).toMatchObject({
    spans: [{ timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 5) }],
    recoveryTargetTimeline: 'current',
    hole: segment(1, 6),
    endSegment: segment(1, 5),
  });
});

it('reckons with the segment size of the server', async () => {
  const names = ['00000001000000000000000F', '000000010000000000000010', '000000010000000000000011'];
  const backup = {
    beginWal: names[0] as string,
    endWal: names[2] as string,
    endLsn: '0/1110000',
    walSegmentSizeBytes: 2 ** 20,
  };
  expect(await plan(names, { '00000002.history': '1\t0/1180000\tx\n' }, backup)).toMatchObject({
    segmentSizeBytes: 2 ** 20,
    spans: [{ lastSegment: '000000010000000000000011' }, { firstSegment: '000000020000000000000011' }],
  });
});

describe('what stands where WAL is missing', () => {
  const encrypted = (number: number) => `${segment(1, number)}.gz.gpg`;

  it('is named as encrypted where the backup needs it', async () => {
    await expect(plan([...segments(1, 2, 3), encrypted(4), encrypted(5)])).rejects.toMatchObject({
      code: 'backupIncomplete',
      message: expect.stringContaining(`: it has ${encrypted(4)}, which is encrypted, and ODO does not read that`),
    });
  });

  it('is warned of where the archive ends for ODO alone', async () => {
    const found = await plan([...segments(1, 2, 5), encrypted(6), encrypted(7)]);
    expect(found).toMatchObject({ endSegment: segment(1, 5), beside: [encrypted(6)] });
    expect(proveWal(BACKUP, found)).toMatchObject({
      state: 'warning',
      evidence: expect.stringContaining(`where the archive ends, it has ${encrypted(6)}, which is encrypted`),
    });
  });

  it('is warned of in a hole, a partial segment too', async () => {
    const partial = `${segment(1, 6)}.partial`;
    expect(await plan([...segments(1, 2, 5), partial, ...segments(1, 7, 7)])).toMatchObject({ beside: [partial] });
  });

  it('is no matter at the end when it is the segment that was being written', async () => {
    expect(await plan([...segments(1, 2, 5), `${segment(1, 6)}.partial`])).not.toHaveProperty('beside');
  });
});

describe('two objects of one name', () => {
  const wals = (objects: Record<string, Buffer | string>) => {
    const folders = (name: string) => (name.length > 23 && !name.includes('history') ? `${name.slice(0, 16)}/` : '');
    const contents = Object.entries(objects).map(
      ([name, content]) => [`wals/${folders(name)}${name}`, { content: Buffer.from(content) }] as const,
    );
    const store = new MemoryStore(new Map(contents));
    return planWal(store, openBarmanWalArchive(store, ''), BACKUP);
  };
  const some = Object.fromEntries([...segments(1, 2, 5), ...segments(2, 5, 6)].map((name) => [name, 'x']));
  const history = '1\t0/5000123\tx\n';

  it.each([
    ['an empty plain one', { '00000002.history': '', '00000002.history.gz': gzipSync(history) }],
    ['a damaged packed one', { '00000002.history': history, '00000002.history.gz': 'cut' }],
  ])('of which the good history is taken: %s', async (_what, histories) => {
    expect(await wals({ ...some, ...histories })).toMatchObject({ endSegment: segment(2, 6) });
  });

  it('are told of segments', async () => {
    const found = await wals({
      ...Object.fromEntries(segments(1, 2, 5).map((name) => [name, 'x'])),
      [`${segment(1, 3)}.gz`]: 'x',
    });
    expect(found).toMatchObject({
      segments: 4,
      doubled: { segments: 1, first: [segment(1, 3), `${segment(1, 3)}.gz`] },
    });
    expect(proveWal(BACKUP, found)).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/more than one object of 1 segment .*\.gz/),
    });
  });
});

it('tells of a history that is encrypted', async () => {
  expect(await plan(segments(1, 2, 5), { '00000002.history': 'age-encryption.org/v1\n-> X25519' })).toMatchObject({
    unreadable: ['00000002.history is encrypted (age), which ODO does not read'],
  });
});
