import { expect, it } from 'vitest';
import type { OdoEvent } from '../../../../src/events.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { tellLag, wayToReplay } from '../../../../src/restore/proofs/replay-lag.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';

const MIB = 2 ** 20;

const BACKUP: Backup = {
  id: 'x',
  format: 'basebackup',
  state: 'complete',
  tablespaces: [],
  parts: [],
  wal: 'included',
  beginLsn: '0/2000028',
  endLsn: '0/2000138',
};

const ARCHIVE: WalPlan = {
  source: 'archive',
  spans: [
    { timeline: 1, firstSegment: '000000010000000000000002', lastSegment: '000000010000000000000004' },
    { timeline: 2, firstSegment: '000000020000000000000004' },
  ],
  segmentSizeBytes: 16 * MIB,
  recoveryTargetTimeline: 'latest',
  histories: [],
  segments: 10,
  storedBytes: 1,
  endSegment: '00000002000000010000000A',
};

function told(wal: WalPlan, event: OdoEvent): OdoEvent | undefined {
  let last: OdoEvent | undefined;
  tellLag(
    (one) => {
      last = one;
    },
    wayToReplay({ wal, backup: BACKUP }),
  )(event);
  return last;
}

it('counts what is left to the end of the last archived segment, across timelines', () => {
  expect(told(ARCHIVE, { type: 'progress', phase: 'recover', replayLsn: '1/8800000' })).toEqual({
    type: 'progress',
    phase: 'recover',
    replayLsn: '1/8800000',
    endLsn: '1/B000000',
    replayBytes: 2 ** 32 + 9 * 16 * MIB,
    lagBytes: 40 * MIB,
    lagSegments: 3,
  });
});

it('goes by the segment that the server took last until the server answers', () => {
  const event: OdoEvent = { type: 'progress', phase: 'recover', walSegment: '000000020000000100000009' };
  expect(told(ARCHIVE, event)).toMatchObject({ replayLsn: '1/9000000', lagBytes: 32 * MIB, lagSegments: 2 });
  expect(told(ARCHIVE, { ...event, replayLsn: '1/A000000' })).toMatchObject({ replayLsn: '1/A000000', lagSegments: 1 });
});

it('has nothing left at the end, nor beyond it', () => {
  for (const replayLsn of ['1/B000000', '1/C000000']) {
    expect(told(ARCHIVE, { type: 'progress', phase: 'recover', replayLsn })).toMatchObject({
      lagBytes: 0,
      lagSegments: 0,
    });
  }
});

it('goes by what a backup with its own WAL says, and says nothing where that says nothing', () => {
  const event: OdoEvent = { type: 'progress', phase: 'recover', replayLsn: '0/2000100' };
  expect(told({ source: 'included' }, event)).toMatchObject({
    endLsn: '0/2000138',
    replayBytes: 0x110,
    lagBytes: 0x38,
  });
  const { endLsn: _, ...silent } = BACKUP;
  expect(wayToReplay({ wal: { source: 'included' }, backup: silent })).toBeUndefined();
});

it('goes no farther than a target of which the position is known', () => {
  const way = wayToReplay({
    wal: ARCHIVE,
    backup: BACKUP,
    moment: { timeline: 2, stop: { lsn: '1/9000100', time: '2026-01-01T00:00:00Z' } },
  });
  expect(way?.endLsn).toBe(0x1_0900_0100n);
});

it('leaves alone what tells of no replay, and a name that no such segment can have', () => {
  for (const event of [
    { type: 'progress', phase: 'recover', segments: 3 },
    { type: 'progress', phase: 'recover', walSegment: 'FFFFFFFFFFFFFFFFFFFFFFFF' },
    { type: 'note', level: 'info', message: 'x' },
  ] as const) {
    expect(told(ARCHIVE, event)).toEqual(event);
  }
});

it('goes on to the end of what the old data has behind the archive', () => {
  expect(wayToReplay({ wal: ARCHIVE, backup: BACKUP }, { endLsn: '1/C000178' })?.endLsn).toBe(0x1_0c00_0178n);
});
