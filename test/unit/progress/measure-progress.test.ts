import { expect, it } from 'vitest';
import type { OdoEvent, Progress } from '../../../src/events.ts';
import { measureProgress } from '../../../src/progress/measure-progress.ts';

function measuring() {
  let nowMs = 0;
  const events: OdoEvent[] = [];
  const report = measureProgress(
    (event) => events.push(event),
    () => nowMs,
  );
  return {
    events,
    report,
    later: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    progress(progress: Progress): OdoEvent | undefined {
      report({ type: 'progress', ...progress });
      return events.at(-1);
    },
  };
}

it('adds rates and what is left to what is read and written', () => {
  const { report, later, progress } = measuring();
  report({ type: 'phase', phase: 'lay-down', state: 'started' });
  expect(progress({ phase: 'lay-down', readBytes: 0, totalBytes: 100_000 })).toEqual({
    type: 'progress',
    phase: 'lay-down',
    readBytes: 0,
    totalBytes: 100_000,
  });
  later(4000);
  expect(progress({ phase: 'lay-down', readBytes: 20_000, totalBytes: 100_000, writtenBytes: 60_000 })).toEqual({
    type: 'progress',
    phase: 'lay-down',
    readBytes: 20_000,
    totalBytes: 100_000,
    writtenBytes: 60_000,
    readBytesPerSecond: { current: 5000, mean: 5000 },
    writtenBytesPerSecond: { current: 15_000, mean: 15_000 },
    etaMs: 16_000,
  });
});

it('does not take for speed what an interrupted run had done', () => {
  const { report, later, progress } = measuring();
  report({ type: 'phase', phase: 'wal', state: 'started' });
  later(4000);
  const told = progress({ phase: 'wal', readBytes: 90_000, skippedBytes: 86_000, totalBytes: 100_000 });
  expect(told).toMatchObject({ readBytesPerSecond: { current: 1000, mean: 1000 }, etaMs: 10_000 });
});

it('tells how fast a replay comes near its end, from where it was first seen', () => {
  const { report, later, progress } = measuring();
  report({ type: 'phase', phase: 'recover', state: 'started' });
  later(60_000);
  const way = { phase: 'recover', replayLsn: '0/2000000', replayBytes: 1_000_000 } as const;
  expect(progress({ ...way, lagBytes: 900_000 })).not.toHaveProperty('etaMs');
  later(5000);
  expect(progress({ ...way, lagBytes: 400_000 })).toMatchObject({
    replayedBytesPerSecond: { current: 100_000, mean: 100_000 },
    etaMs: 4000,
  });
});

it('puts two that tell of one phase together, and keeps the phases apart', () => {
  const { report, progress } = measuring();
  report({ type: 'phase', phase: 'lay-down', state: 'started' });
  report({ type: 'phase', phase: 'recover', state: 'started' });
  progress({ phase: 'lay-down', readBytes: 5 });
  progress({ phase: 'recover', segments: 3, totalSegments: 9 });
  expect(progress({ phase: 'recover', replayLsn: '0/2000000' })).toEqual({
    type: 'progress',
    phase: 'recover',
    segments: 3,
    totalSegments: 9,
    replayLsn: '0/2000000',
  });
  report({ type: 'phase', phase: 'recover', state: 'finished', elapsedMs: 1 });
  report({ type: 'phase', phase: 'recover', state: 'started' });
  expect(progress({ phase: 'recover', replayLsn: '0/1' })).not.toHaveProperty('segments');
});

it('passes everything else on as it is', () => {
  const { events, report } = measuring();
  const others: OdoEvent[] = [
    { type: 'note', level: 'info', message: 'x' },
    { type: 'phase', phase: 'swap', state: 'started' },
    { type: 'phase', phase: 'swap', state: 'failed', elapsedMs: 3 },
  ];
  for (const event of others) report(event);
  expect(events).toEqual(others);
});
