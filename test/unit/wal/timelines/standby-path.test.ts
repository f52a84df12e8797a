import { describe, expect, it } from 'vitest';
import { findStandbyPath, type StandbyPosition } from '../../../../src/wal/timelines/standby-path.ts';
import type { TimelineHistory } from '../../../../src/wal/timelines/timeline-path.ts';
import { segment } from '../../parts/named-archive.ts';

/** Segments have 1 MiB here, so that position 0/500000 is where segment 5 begins. */
function at(replayLsn: string, more: Partial<StandbyPosition> = {}): StandbyPosition {
  return {
    timeline: 1,
    redoLsn: '0/200000',
    replayLsn,
    targetTimeline: 'latest',
    knownTimelines: new Set(),
    segmentSizeBytes: 2 ** 20,
    ...more,
  };
}

function history(timeline: number, ...ancestors: [timeline: number, switchLsn: string][]): TimelineHistory {
  return { timeline, ancestors: ancestors.map(([timeline, switchLsn]) => ({ timeline, switchLsn, reason: '' })) };
}

const SECOND = history(2, [1, '0/500100']);

describe('the way of a standby', () => {
  it('goes on from what it has replayed, on its own timeline', () => {
    expect(findStandbyPath(at('0/300100'), [])).toEqual({
      spans: [{ timeline: 1, firstSegment: segment(1, 2) }],
      nextSegment: segment(1, 3),
      histories: [],
    });
    expect(findStandbyPath(at('0/300000'), []).nextSegment).toBe(segment(1, 3));
  });

  it.each(['0/300100', '0/500100'])(
    'leads to a timeline that branches off where it has yet to come, or is: %s',
    (replayLsn) => {
      const way = findStandbyPath(at(replayLsn), [SECOND]);
      expect(way).toMatchObject({
        spans: [
          { timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 5) },
          { timeline: 2, firstSegment: segment(2, 5) },
        ],
        nextSegment: segment(1, replayLsn === '0/300100' ? 3 : 5),
        histories: [2],
      });
      expect(way.astray).toBeUndefined();
    },
  );

  it('does not lead to one that it has passed, and says so', () => {
    expect(findStandbyPath(at('0/500200'), [SECOND])).toEqual({
      spans: [{ timeline: 1, firstSegment: segment(1, 2) }],
      nextSegment: segment(1, 5),
      histories: [],
      astray: 2,
    });
  });

  it('stays on one whose history it has been given, since it has changed to it in time', () => {
    const way = findStandbyPath(at('0/600200', { knownTimelines: new Set([2]) }), [SECOND]);
    expect(way).toMatchObject({ nextSegment: segment(2, 6), histories: [2] });
    // Its next restartpoint says so, too.
    expect(findStandbyPath(at('0/600200', { timeline: 2, redoLsn: '0/500200' }), [])).toMatchObject({
      spans: [{ timeline: 2, firstSegment: segment(2, 5) }],
      nextSegment: segment(2, 6),
    });
  });

  it('passes over one that leads elsewhere, when a later one leads on', () => {
    const way = findStandbyPath(at('0/600000'), [SECOND, history(3, [1, '0/700000'])]);
    expect(way).toMatchObject({ nextSegment: segment(1, 6), histories: [2, 3] });
    expect(way.spans.map(({ timeline }) => timeline)).toEqual([1, 3]);
  });

  it('ends before the last one leads elsewhere: the server would not start with its history', () => {
    const third = history(3, [1, '0/400000']);
    expect(findStandbyPath(at('0/450000'), [SECOND, third])).toMatchObject({ histories: [2], astray: 3 });
  });

  it('does not lead to one that the server would not find, since a number before it is missing', () => {
    expect(findStandbyPath(at('0/300000'), [history(3, [1, '0/500000'])])).toMatchObject({ histories: [], astray: 3 });
  });

  it('goes through several', () => {
    const third = history(3, [1, '0/500100'], [2, '0/800000']);
    expect(findStandbyPath(at('0/600000', { knownTimelines: new Set([2]) }), [SECOND, third])).toMatchObject({
      spans: [
        { timeline: 1, lastSegment: segment(1, 5) },
        { timeline: 2, firstSegment: segment(2, 5), lastSegment: segment(2, 7) },
        { timeline: 3, firstSegment: segment(3, 8) },
      ],
      nextSegment: segment(2, 6),
      histories: [2, 3],
    });
  });

  it.each([
    ['current', [1]],
    ['2', [1, 2]],
    ['1', [1]],
    ['7', [1]],
  ])('is the one that the server was told to take: %s', (targetTimeline, timelines) => {
    const third = history(3, [1, '0/500100'], [2, '0/800000']);
    const way = findStandbyPath(at('0/300000', { targetTimeline }), [SECOND, third]);
    expect(way.spans.map(({ timeline }) => timeline)).toEqual(timelines);
    expect(way.astray).toBeUndefined();
  });
});
