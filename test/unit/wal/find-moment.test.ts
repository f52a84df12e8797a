import { describe, expect, it } from 'vitest';
import type { Moment, RecoveryTarget, TargetTimeline } from '../../../src/postgres/recovery-target.ts';
import { formatMicros, parseMicros } from '../../../src/postgres/timestamp.ts';
import { findMoment, findTimelineEnd } from '../../../src/wal/find-moment.ts';
import type { ArchivedBackup } from '../../../src/wal/replay-list.ts';
import { MemoryStore } from '../formats/memory-store.ts';
import { archiveOf } from './named-archive.ts';
import { lsnIn, makeSegment, SEGMENT_BYTES, type SyntheticMark, smallSegment } from './synthetic-wal.ts';

const DAY = '2026-11-21';
const clock = (time: string) => formatMicros(parseMicros(`${DAY}T${time}Z`));

/** A backup on a timeline that needs one segment, and ended at its beginning (behind its first record). */
function backup(id: string, timeline: number, number: number, endTime: string): ArchivedBackup {
  return {
    id,
    format: 'barman',
    state: 'complete',
    tablespaces: [],
    parts: [],
    wal: 'archive',
    timeline,
    beginWal: smallSegment(timeline, number),
    endWal: smallSegment(timeline, number),
    endLsn: lsnIn(number),
    endTime: clock(endTime),
    walSegmentSizeBytes: SEGMENT_BYTES,
  };
}

type Segments = Record<string, readonly [what: number | string, time: string][]>;

/** @param segments by `timeline/number`: the records in them */
function repository(backups: ArchivedBackup[], segments: Segments, histories: Record<string, string> = {}) {
  const contents = new Map<string, { content: Buffer }>();
  for (const [place, records] of Object.entries(segments)) {
    const [timeline = 0, number = 0] = place.split('/').map(Number);
    const marks = records.map(([what, time]): SyntheticMark => ({ what, time: clock(time) }));
    contents.set(smallSegment(timeline, number), { content: makeSegment(timeline, number, marks) });
  }
  for (const [name, text] of Object.entries(histories)) contents.set(name, { content: Buffer.from(text) });
  const store = new MemoryStore(contents);
  const archive = archiveOf([...contents.keys()], (name) => contents.get(name)?.content.length ?? 0);
  const query = { store, archive, backups: [...backups].reverse(), named: false };
  const find = (target: RecoveryTarget, more: Partial<Moment> & { timeline?: TargetTimeline } = {}, named?: string) =>
    findMoment({
      ...query,
      ...(named === undefined ? {} : { named: true, backups: backups.filter(({ id }) => id === named) }),
      moment: { target, exclusive: false, action: 'promote', ...more },
    });
  return {
    store,
    find,
    at: (time: string, more: Partial<Moment> = {}) => find({ kind: 'time', time: clock(time) }, more),
    endOf: (timeline: TargetTimeline) => findTimelineEnd(query, timeline),
  };
}

const OLD = backup('old', 1, 2, '10:00:00');
const NEW = backup('new', 1, 6, '12:00:00');

/** Two backups on one timeline; segments 2 to 9, each with two commits an hour or less apart. */
const PLAIN: Segments = {
  '1/2': [],
  '1/3': [
    [701, '10:10:00'],
    ['morning', '10:15:00'],
    [702, '10:20:00'],
  ],
  '1/4': [],
  '1/5': [
    [703, '11:00:00'],
    [704, '11:00:00.000001'],
  ],
  '1/6': [],
  '1/7': [
    [705, '12:30:00'],
    ['lunch', '12:31:00'],
  ],
  '1/8': [
    [706, '13:00:00'],
    [707, '13:30:00'],
  ],
  '1/9': [],
};

describe('a time', () => {
  const { at, store } = repository([OLD, NEW], PLAIN);

  it.each([
    ['10:05:00', 'old', 3, '10:10:00'],
    ['10:10:00', 'old', 3, '10:20:00'],
    ['11:00:00', 'old', 5, '11:00:00.000001'],
    ['11:59:59.999999', 'old', 7, '12:30:00'],
    ['12:00:00', 'new', 7, '12:30:00'],
    ['13:29:59', 'new', 8, '13:30:00'],
  ])('%s is reached from backup %s, with WAL up to the next commit', async (time, id, end, next) => {
    expect(await at(time)).toMatchObject({
      backup: { id },
      wal: { endSegment: smallSegment(1, end), spans: [{ lastSegment: smallSegment(1, end) }] },
      stop: { time: clock(next) },
    });
  });

  it('that is to be excluded stops at a commit of that very time', async () => {
    expect(await at('11:00:00', { exclusive: true })).toMatchObject({ stop: { time: clock('11:00:00') } });
    expect(await at('13:30:00', { exclusive: true })).toMatchObject({ stop: { time: clock('13:30:00') } });
  });

  it('before the end of the first backup is out of reach, and the end of that one is named', async () => {
    await expect(at('09:59:59')).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringContaining(`the oldest complete one, old, ended at ${clock('10:00:00')}`),
      hint: expect.stringContaining('--backup old --target immediate'),
    });
  });

  it.each(['13:30:00', '13:30:01', '23:00:00'])('%s, behind which nothing was committed, is out of reach', async (time) => {
    await expect(at(time)).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(/the last transaction in it ended at 2026-11-21T13:30:00Z/),
    });
  });

  it('is found in a long archive by looking at few segments', async () => {
    const many: Segments = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => {
        const minute = `${String(10 + Math.floor(index / 60)).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}`;
        return [`1/${index + 2}`, index === 0 ? [] : [[1000 + index, `${minute}:30`]]];
      }),
    );
    const long = repository([OLD], many);
    expect(await long.at('12:00:00')).toMatchObject({ wal: { endSegment: smallSegment(1, 122), segments: 121 } });
    const reads = long.store.requests.filter((request) => request.startsWith('read 0000'));
    expect(reads.length).toBeLessThan(20);
  });

  it('of a backup that was named has to lie behind its end', async () => {
    const { find } = repository([OLD, NEW], PLAIN);
    const target = { kind: 'time', time: clock('11:30:00') } as const;
    await expect(find(target, {}, 'new')).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(/^backup new ended at/),
    });
    expect(await find(target, {}, 'old')).toMatchObject({ backup: { id: 'old' } });
    expect(store.requests.length).toBeGreaterThan(0);
  });

  it('noted as the end of a backup before the WAL that it needs goes back to the backup before', async () => {
    const late = { ...NEW, endLsn: lsnIn(7, 1), endWal: smallSegment(1, 7) };
    const { at: find } = repository([OLD, late], PLAIN);
    expect(await find('12:00:00')).toMatchObject({ backup: { id: 'old' }, stop: { time: clock('12:30:00') } });
    await expect(repository([late], PLAIN).at('12:00:00')).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(/would stop at .* before the end of backup new/),
    });
  });
});

describe('a hole in the archive', () => {
  const { '1/5': _five, ...holed } = PLAIN;
  const { at, find } = repository([OLD, NEW], holed);

  it('is of no matter behind the moment', async () => {
    expect(await at('10:10:00')).toMatchObject({ backup: { id: 'old' }, wal: { segments: 2 } });
    expect((await at('10:10:00')).wal).not.toHaveProperty('hole');
  });

  it('before it is named, with the nearest moments on both sides', async () => {
    await expect(at('10:30:00')).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(
        `lacks ${smallSegment(1, 5)}: the last transaction in it ended at 2026-11-21T10:20:00Z before it`,
      ),
      hint: expect.stringMatching(/the end of backup new \(2026-11-21T12:00:00.000000Z\) is the next/),
    });
    await expect(find({ kind: 'lsn', lsn: lsnIn(5) })).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringContaining(smallSegment(1, 5)),
    });
  });

  it('behind which a backup begins does not keep from what that one leads to', async () => {
    expect(await at('12:10:00')).toMatchObject({ backup: { id: 'new' } });
  });
});

describe('a restore point or a transaction', () => {
  const { find } = repository([OLD, NEW], PLAIN);

  it.each<[RecoveryTarget, string, number]>([
    [{ kind: 'name', name: 'lunch' }, 'new', 7],
    [{ kind: 'name', name: 'morning' }, 'old', 3],
    [{ kind: 'xid', xid: '707' }, 'new', 8],
    [{ kind: 'xid', xid: '704' }, 'old', 5],
  ])('%j is reached from backup %s', async (target, id, end) => {
    expect(await find(target)).toMatchObject({ backup: { id }, wal: { endSegment: smallSegment(1, end) } });
  });

  it('that is nowhere is out of reach, with what there is', async () => {
    await expect(find({ kind: 'name', name: 'Lunch' })).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(/restore points are: morning \(.*\), lunch \(/),
    });
    await expect(find({ kind: 'xid', xid: '1' })).rejects.toMatchObject({
      message: expect.stringMatching(/the first .* is 701, the last 707/),
    });
    await expect(find({ kind: 'name', name: 'morning' }, {}, 'new')).rejects.toMatchObject({
      hint: expect.stringContaining('leave --backup out'),
    });
  });

  it('of the same name twice is the one that recovery from the newest possible backup meets first', async () => {
    const again = repository([OLD, NEW], { ...PLAIN, '1/9': [['morning', '14:00:00']] });
    expect(await again.find({ kind: 'name', name: 'morning' })).toMatchObject({
      backup: { id: 'new' },
      stop: { time: clock('14:00:00') },
    });
  });
});

it('a position is reached from the newest backup that ended before it, and doubted in the last segment', async () => {
  const { find } = repository([OLD, NEW], PLAIN);
  expect(await find({ kind: 'lsn', lsn: lsnIn(6) })).toMatchObject({ backup: { id: 'new' } });
  expect(await find({ kind: 'lsn', lsn: `0/${(6 * SEGMENT_BYTES + 39).toString(16)}` })).toMatchObject({ backup: { id: 'old' } });
  expect(await find({ kind: 'lsn', lsn: lsnIn(9) })).toHaveProperty('doubt');
  await expect(find({ kind: 'lsn', lsn: lsnIn(10) })).rejects.toMatchObject({ code: 'targetOutOfReach' });
  await expect(find({ kind: 'lsn', lsn: lsnIn(1) })).rejects.toMatchObject({ code: 'targetOutOfReach' });
});

it('the end of a backup needs its own WAL alone', async () => {
  const { find } = repository([OLD, NEW], PLAIN);
  const expected = { recoveryTargetTimeline: 'current', segments: 1, endSegment: smallSegment(1, 6) };
  expect(await find({ kind: 'immediate' })).toMatchObject({ backup: { id: 'new' }, wal: expected });
});

describe('timelines', () => {
  /** Someone restored to 11:00 and went on from there on timeline 2 at 15:00; timeline 1 had gone on to 13:30. */
  const left = `0/${(5 * SEGMENT_BYTES + 80).toString(16).toUpperCase()}`;
  const branched: Segments = {
    ...PLAIN,
    '2/5': [[703, '11:00:00']],
    '2/6': [
      [720, '15:10:00'],
      [721, '15:20:00'],
    ],
    '2/7': [],
  };
  const { at, find, endOf } = repository([OLD], branched, {
    '00000002.history': `1\t${left}\tbefore 2026-11-21 11:00:00.000001+00\n`,
  });

  it('are followed to the newest that leads on', async () => {
    expect(await at('15:15:00')).toMatchObject({
      wal: { recoveryTargetTimeline: 'latest' },
      stop: { time: clock('15:20:00') },
      timeline: 2,
    });
    expect(await at('10:30:00')).toMatchObject({ stop: { time: clock('11:00:00') }, timeline: 1 });
  });

  it('that both go on at a time are asked about, since the newest would give another state', async () => {
    await expect(at('12:00:00')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /timeline 1 was the one in use at that time: it has commits from 2026-11-21T11:00:00.000001Z on/,
      ),
      hint: expect.stringMatching(/--target-timeline 1 restores the state as it was then; --target-timeline 2/),
    });
    expect(await at('12:00:00', { timeline: 1 })).toMatchObject({ timeline: 1, stop: { time: clock('12:30:00') } });
    expect(await at('12:00:00', { timeline: 'current' })).toMatchObject({ wal: { recoveryTargetTimeline: 'current' } });
    // What timeline 1 holds behind the branch is not replayed on the way to timeline 2.
    expect(await at('12:00:00', { timeline: 2 })).toMatchObject({ timeline: 2, stop: { time: clock('15:10:00') } });
  });

  it('that both have a position are asked about', async () => {
    await expect(find({ kind: 'lsn', lsn: lsnIn(6) })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringMatching(/--target-timeline 2 or --target-timeline 1/),
    });
    expect(await find({ kind: 'lsn', lsn: lsnIn(6) }, { timeline: 1 })).toMatchObject({ timeline: 1 });
    expect(await find({ kind: 'lsn', lsn: lsnIn(4) })).toMatchObject({ timeline: 1 });
  });

  it('do not lend each other what was committed behind the branch', async () => {
    await expect(find({ kind: 'xid', xid: '705' })).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringMatching(
        /705 is not on the way to timeline 2, the newest; timeline 1 has it at 0\/\w+, of 2026-11-21 ?T?12:30/,
      ),
      hint: expect.stringContaining('--target-timeline 1 goes there'),
    });
    await expect(find({ kind: 'name', name: 'lunch' })).rejects.toMatchObject({
      message: expect.stringMatching(/lunch.* is not on the way to timeline 2.*timeline 1 has it/),
    });
    await expect(find({ kind: 'name', name: 'supper' })).rejects.toMatchObject({
      message: expect.stringContaining('is not in the archive'),
    });
    await expect(find({ kind: 'name', name: 'lunch' }, { timeline: 2 })).rejects.toMatchObject({
      message: expect.stringContaining('is not in the archive'),
    });
    expect(await find({ kind: 'xid', xid: '705' }, { timeline: 1 })).toMatchObject({ timeline: 1 });
    expect(await find({ kind: 'xid', xid: '720' })).toMatchObject({ timeline: 2 });
  });

  it('can be followed to their ends, by number', async () => {
    expect(await endOf(1)).toMatchObject({ wal: { endSegment: smallSegment(1, 9), recoveryTargetTimeline: 'current' } });
    expect(await endOf(2)).toMatchObject({ wal: { endSegment: smallSegment(2, 7), recoveryTargetTimeline: 2 } });
    await expect(endOf(3)).rejects.toMatchObject({
      code: 'targetOutOfReach',
      message: expect.stringContaining('knows timeline 1, 2'),
    });
  });
});

it('a segment that is none is named', async () => {
  const { store, at } = repository([OLD], PLAIN);
  store.objects.set(smallSegment(1, 5), { content: Buffer.alloc(SEGMENT_BYTES) });
  await expect(at('10:30:00')).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining(smallSegment(1, 5)),
  });
});
