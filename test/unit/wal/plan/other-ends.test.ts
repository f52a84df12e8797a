import { describe, expect, it } from 'vitest';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { proveWal } from '../../../../src/restore/proofs/prove-wal.ts';
import { planWal } from '../../../../src/wal/plan/plan-wal.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf } from '../../parts/named-archive.ts';
import { lsnIn, makeSegment, SEGMENT_BYTES, smallSegment } from '../../parts/synthetic-wal.ts';

const DAY = '2026-11-21';
const BACKUP: Backup = {
  id: 'b1',
  format: 'barman',
  state: 'complete',
  tablespaces: [],
  parts: [],
  wal: 'archive',
  timeline: 1,
  beginWal: smallSegment(1, 2),
  endWal: smallSegment(1, 2),
  endLsn: lsnIn(2),
  endTime: `${DAY}T10:00:00.000Z`,
  walSegmentSizeBytes: SEGMENT_BYTES,
};
/** Timeline 1 is left in its segment 4, before whatever is in that. */
const HISTORY = `1\t${lsnIn(4)}\tno recovery target specified\n`;

type Commits = Record<string, readonly string[]>;

/** @param segments by `timeline/number`: the times of the commits in them, or `damaged` */
async function prove(segments: Commits, histories: Record<string, string> = { '00000002.history': HISTORY }) {
  const contents = new Map<string, { content: Buffer }>();
  for (const [place, times] of Object.entries(segments)) {
    const [timeline = 0, number = 0] = place.split('/').map(Number);
    const marks = times.map((time, index) => ({ what: 700 + index, time: `${DAY}T${time}.000000Z` }));
    const content = times[0] === 'damaged' ? Buffer.alloc(SEGMENT_BYTES, 7) : makeSegment(timeline, number, marks);
    contents.set(smallSegment(timeline, number), { content });
  }
  for (const [name, text] of Object.entries(histories)) contents.set(name, { content: Buffer.from(text) });
  // Uploaded in the order of their names, which tells nothing: as a copied archive is.
  const order = [...contents.keys()].sort();
  const uploaded = (name: string) => new Date(Date.parse(`${DAY}T16:00:00Z`) + order.indexOf(name) * 1000);
  const archive = archiveOf(order, (name) => contents.get(name)?.content.length ?? 0, uploaded);
  const plan = await planWal(new MemoryStore(contents), archive, BACKUP);
  return { plan, finding: () => proveWal(BACKUP, plan) };
}

/** Timeline 1 up to where timeline 2 left it. */
const SHARED: Commits = { '1/2': [], '1/3': ['11:00:00'] };

describe('after a failover', () => {
  const promoted: Commits = { ...SHARED, '2/4': ['12:00:10'], '2/5': ['13:00:00'] };

  it('the newer timeline is followed without a question, where the older one ends at the branch', async () => {
    const { plan, finding } = await prove(promoted);
    expect(finding()).not.toHaveProperty('state');
    expect(plan).toMatchObject({ recoveryTargetTimeline: 'latest', endSegment: smallSegment(2, 5) });
    expect(plan).not.toHaveProperty('otherEnds');
  });

  it('nor does it ask when the old primary archived its last segment whole, however late', async () => {
    const { plan, finding } = await prove({ ...promoted, '1/4': ['11:59:58'] });
    expect(finding()).not.toHaveProperty('state');
    expect(plan).toMatchObject({ otherEnds: [{ timeline: 1, isRival: false }] });
  });

  it('nor when that segment holds nothing but the end', async () => {
    const { plan } = await prove({ ...promoted, '1/4': [], '1/5': [] });
    expect(plan).not.toHaveProperty('otherEnds');
  });

  it('commits that the old primary took for a moment longer are told, and left out', async () => {
    const { finding } = await prove({ ...promoted, '1/4': ['12:00:30'] });
    expect(finding()).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(
        /timeline 1 has commits from .*12:00:30.* behind .*what timeline 1 has behind that point is left out$/,
      ),
    });
  });
});

it('a restore to an earlier moment leaves an end unasked about: all of the newer timeline is later', async () => {
  const { finding } = await prove({ ...SHARED, '1/4': ['11:30:00'], '1/5': ['12:30:00'], '2/4': ['15:00:00'] });
  expect(finding()).not.toHaveProperty('state');
});

describe('when production goes on while a copy that was tried out has archived a newer timeline', () => {
  const production: Commits = { ...SHARED, '1/4': ['12:00:00'], '1/5': ['14:00:00'] };

  it('it is refused with both ends, where the copy has the older commits', async () => {
    const { finding } = await prove({ ...production, '2/4': ['12:30:00'] });
    expect(finding).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(
          new RegExp(
            [
              'two ends: timeline 1 has commits from 2026-11-21T12:00:00Z on to 2026-11-21T14:00:00Z behind .*,',
              'where timeline 2 left it,',
              'whose commits are of 2026-11-21T12:30:00Z to 2026-11-21T12:30:00Z$',
            ].join(' '),
          ),
        ),
        hint: expect.stringMatching(/--target-timeline 1 restores its end; --target-timeline 2 the one/),
      }),
    );
  });

  it('also where the copy went on beside it, and has the very last commit', async () => {
    const { finding } = await prove({ ...production, '2/4': ['12:30:00'], '2/5': ['14:00:05'] });
    expect(finding).toThrow(/two ends/);
  });

  it('also where nothing of the copy is there but its history', async () => {
    const { finding } = await prove(production);
    expect(finding).toThrow(/two ends: timeline 1 has commits .*, where timeline 2 left it, without any commit/);
  });

  it('also where production is on a timeline of its own', async () => {
    const histories = { '00000002.history': HISTORY, '00000003.history': `1\t${lsnIn(3)}\tx\n` };
    const { finding } = await prove(
      { ...SHARED, '2/4': ['12:00:00'], '2/5': ['14:00:00'], '3/3': ['12:30:00'] },
      histories,
    );
    expect(finding).toThrow(/two ends: timeline 2 has commits .* behind .*, where timeline 3 left it/);
  });

  it('and what cannot be read of it counts by its upload', async () => {
    const { plan } = await prove({ ...SHARED, '1/4': ['damaged'], '2/4': ['12:30:00'] });
    expect(plan).toMatchObject({
      otherEnds: [{ timeline: 1, isRival: true, lastCommitTime: expect.stringMatching(/T16:00:02/) }],
    });
  });
});

describe('segments that no history leads to', () => {
  it('are refused with their number and their end, and the way to leave them out', async () => {
    const { finding } = await prove({ ...SHARED, '2/4': ['12:00:00'], '2/5': ['13:00:00'] }, {});
    expect(finding).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(
          new RegExp(
            [
              'holds 2 segments of timeline 2',
              '\\(to 000000020000000000000005, archived until 2026-11-21T16:00:03Z\\),',
              'and nothing tells .*: there is no 00000002.history$',
            ].join(' '),
          ),
        ),
        hint: expect.stringMatching(/put 00000002.history back into the archive, or .* --target-timeline 1$/),
      }),
    );
  });

  it('are only told where they were there before the backup ended', async () => {
    const { plan } = await prove({ ...SHARED, '2/1': ['09:00:00'] }, {});
    expect(proveWal(BACKUP, plan)).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/1 segment of timeline 2/),
    });
  });
});
