import { describe, expect, it } from 'vitest';
import {
  findTimelinePath,
  historiesToFetch,
  type TimelineHistory,
} from '../../../../src/wal/timelines/timeline-path.ts';
import { segment } from '../../parts/named-archive.ts';

const MIB = 2 ** 20;

/** Timeline and where each ancestor was left. */
function history(timeline: number, ...ancestors: [timeline: number, switchLsn: string][]): TimelineHistory {
  return {
    timeline,
    ancestors: ancestors.map(([ancestor, switchLsn]) => ({ timeline: ancestor, switchLsn, reason: '' })),
  };
}

function find(histories: TimelineHistory[], from: { timeline?: number; beginWal?: string; endLsn?: string } = {}) {
  const { timeline = 1, beginWal = segment(timeline, 2), endLsn = '0/2000100' } = from;
  return findTimelinePath({ timeline, beginWal, endLsn, segmentSizeBytes: 16 * MIB }, histories);
}

describe('the way from a backup', () => {
  it('is its own timeline when there is no other', () => {
    expect(find([])).toEqual({
      spans: [{ timeline: 1, firstSegment: segment(1, 2) }],
      recoveryTargetTimeline: 'latest',
    });
  });

  it('goes over a branch in the middle of a segment, which both timelines have', () => {
    expect(find([history(2, [1, '0/5000123'])])).toEqual({
      spans: [
        { timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 5) },
        { timeline: 2, firstSegment: segment(2, 5) },
      ],
      recoveryTargetTimeline: 'latest',
    });
  });

  it('goes over a branch at the end of a segment, which only the older timeline has', () => {
    expect(find([history(2, [1, '0/6000000'])]).spans).toEqual([
      { timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 5) },
      { timeline: 2, firstSegment: segment(2, 6) },
    ]);
  });

  it('goes over several branches, and leaves out what lies before the backup', () => {
    const histories = [
      history(2, [1, '0/3000000']),
      history(3, [1, '0/3000000'], [2, '0/5000123']),
      history(4, [1, '0/3000000'], [2, '0/5000123'], [3, '0/7000456']),
    ];
    expect(find(histories, { timeline: 2, beginWal: segment(2, 4), endLsn: '0/4000100' })).toEqual({
      spans: [
        { timeline: 2, firstSegment: segment(2, 4), lastSegment: segment(2, 5) },
        { timeline: 3, firstSegment: segment(3, 5), lastSegment: segment(3, 7) },
        { timeline: 4, firstSegment: segment(4, 7) },
      ],
      recoveryTargetTimeline: 'latest',
    });
  });

  it('does not follow a timeline that branched off before the backup ended', () => {
    expect(find([history(2, [1, '0/20000FF'])])).toEqual({
      spans: [{ timeline: 1, firstSegment: segment(1, 2) }],
      recoveryTargetTimeline: 'current',
    });
    expect(find([history(2, [1, '0/2000100'])]).recoveryTargetTimeline).toBe('latest');
  });

  it('takes the newest of several that descend from it, and names it where "latest" would end elsewhere', () => {
    const histories = [history(2, [1, '0/5000000']), history(3, [1, '0/4000000']), history(4, [1, '0/1000000'])];
    expect(find(histories)).toMatchObject({ recoveryTargetTimeline: 3, spans: [{ timeline: 1 }, { timeline: 3 }] });
    expect(find(histories.slice(0, 2)).recoveryTargetTimeline).toBe('latest');
  });

  it('is named when a gap in the numbers keeps PostgreSQL from finding it by itself', () => {
    expect(find([history(5, [1, '0/5000000'])])).toMatchObject({
      recoveryTargetTimeline: 5,
      spans: [{ timeline: 1 }, { timeline: 5 }],
    });
  });

  it('does not follow another line of descent', () => {
    expect(find([history(3, [1, '0/5000000'])], { timeline: 2, beginWal: segment(2, 2) })).toMatchObject({
      spans: [{ timeline: 2 }],
      recoveryTargetTimeline: 'current',
    });
  });
});

it('fetches the history of the own timeline and of all newer ones', () => {
  const archived = ['00000002.history', '00000003.history', '0000000A.history'];
  expect(historiesToFetch(3, archived)).toEqual(['00000003.history', '0000000A.history']);
  expect(historiesToFetch(1, archived)).toEqual(archived);
});
