import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { OdoEvent } from '../../../src/events.ts';
import { timePhases } from '../../../src/progress/stopwatch.ts';
import { createTally } from '../../../src/progress/tally.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

it('tells of progress now and then, with all that has been done so far, however often it is counted', () => {
  const events: OdoEvent[] = [];
  const tally = createTally('wal', { totalBytes: 1000, totalSegments: 10 }, (event) => events.push(event));
  for (let step = 0; step < 100; step++) {
    vi.advanceTimersByTime(11);
    tally.read(1);
    tally.wrote(2);
    if (step % 10 === 0) tally.segment();
  }
  expect(events).toHaveLength(2);
  expect(events[1]).toMatchObject({
    type: 'progress',
    phase: 'wal',
    totalBytes: 1000,
    totalSegments: 10,
    segments: 10,
  });
  expect(tally.done).toMatchObject({ readBytes: 100, writtenBytes: 200, segments: 10, files: 0 });
});

it('tells apart what need not be read, and does not hold what is written against totals that include it', () => {
  const events: OdoEvent[] = [];
  const tally = createTally('lay-down', { totalBytes: 100, totalWrittenBytes: 300, totalFiles: 9 }, (event) =>
    events.push(event),
  );
  vi.advanceTimersByTime(600);
  tally.read(5);
  tally.reusedPart(40);
  vi.advanceTimersByTime(600);
  tally.read(5);
  expect(events).toEqual([
    { type: 'progress', phase: 'lay-down', readBytes: 5, totalBytes: 100, totalWrittenBytes: 300, totalFiles: 9 },
    { type: 'progress', phase: 'lay-down', readBytes: 50, skippedBytes: 40, totalBytes: 100 },
  ]);
});

it('counts what was reused apart, yet as done', () => {
  const tally = createTally('wal', {}, () => undefined);
  tally.segment();
  tally.reusedSegment(10);
  tally.reusedPart(20);
  tally.reused(7);
  tally.files(3);
  expect(tally.done).toMatchObject({ segments: 2, reusedSegments: 1, reusedParts: 1, reusedBytes: 7, files: 3 });
  expect(tally.done.readBytes).toBe(30);
});

it('keeps how long each phase took, in order, and passes every event on', () => {
  const passed: OdoEvent[] = [];
  const { report, phases } = timePhases((event) => passed.push(event));
  const events: OdoEvent[] = [
    { type: 'phase', phase: 'prove', state: 'started' },
    { type: 'phase', phase: 'prove', state: 'finished', elapsedMs: 5 },
    { type: 'note', level: 'info', message: 'x' },
    { type: 'phase', phase: 'sync', state: 'failed', elapsedMs: 6 },
    { type: 'phase', phase: 'swap', state: 'finished', elapsedMs: 7 },
  ];
  for (const event of events) report(event);
  expect(passed).toEqual(events);
  expect(phases).toEqual([
    { phase: 'prove', elapsedMs: 5 },
    { phase: 'swap', elapsedMs: 7 },
  ]);
});
