import { describe, expect, it } from 'vitest';
import { progressLine, progressLines } from '../../../../src/cli/render/progress-words.ts';

const LAY_DOWN = {
  phase: 'lay-down',
  elapsedMs: 4000,
  silentMs: 100,
  progress: {
    phase: 'lay-down',
    readBytes: 2 ** 20,
    totalBytes: 4 * 2 ** 20,
    writtenBytes: 8 * 2 ** 20,
    totalWrittenBytes: 40 * 2 ** 20,
    files: 12,
    totalFiles: 1000,
    readBytesPerSecond: { current: 2 ** 19, mean: 2 ** 18 },
    writtenBytesPerSecond: { current: 2 ** 22, mean: 2 ** 21 },
    etaMs: 12_000,
  },
} as const;

const RECOVER = {
  phase: 'recover',
  elapsedMs: 65_000,
  silentMs: 0,
  progress: {
    phase: 'recover',
    segments: 3,
    totalSegments: 9,
    replayLsn: '0/3800000',
    endLsn: '0/B000000',
    replayTime: '2026-01-01T00:00:00Z',
    replayBytes: 160 * 2 ** 20,
    lagBytes: 120 * 2 ** 20,
    lagSegments: 8,
    replayedBytesPerSecond: { current: 2 ** 24, mean: 2 ** 23 },
    etaMs: 8000,
  },
} as const;

describe('progress', () => {
  it('tells how far it is, how fast, and how long the rest takes', () => {
    expect(progressLines(LAY_DOWN, 100)).toEqual([
      'laying the backup down  [######..................]  25 %, 12.0 s left, 4.0 s so far',
      'read 1.0 MiB of 4.0 MiB, 512 KiB/s now, 256 KiB/s on average',
      'written 8.0 MiB of 40.0 MiB, 4.0 MiB/s now, 2.0 MiB/s on average, 12 of 1000 files',
    ]);
    expect(progressLine(LAY_DOWN)).toBe(
      'laying the backup down: 25 %, 12.0 s left, 4.0 s so far; read 1.0 MiB of 4.0 MiB, 512 KiB/s now, 256 ' +
        'KiB/s on average; written 8.0 MiB of 40.0 MiB, 4.0 MiB/s now, 2.0 MiB/s on average, 12 of 1000 files',
    );
  });

  it('tells how far the replay is, and how far the WAL that is fetched for it', () => {
    expect(progressLines(RECOVER, 100)).toEqual([
      'recovering  [######..................]  25 %, 8.0 s left, 1 min 5 s so far',
      '3 of 9 WAL segments fetched',
      'replayed to 0/3800000 of 0/B000000, 16.0 MiB/s now, 8.0 MiB/s on average',
      '120 MiB of WAL (8 segments) to replay',
      'last commit 2026-01-01T00:00:00Z',
    ]);
  });

  it('makes the bar shorter where there is little room, and leaves it out where there is none', () => {
    expect(progressLines(LAY_DOWN, 80)[0]).toBe('laying the backup down  [##......]  25 %, 12.0 s left, 4.0 s so far');
    expect(progressLines(LAY_DOWN, 50)[0]).toBe('laying the backup down  25 %, 12.0 s left, 4.0 s so far');
  });

  it('says when nothing has come for a while, in place of what would be left', () => {
    expect(progressLines({ ...LAY_DOWN, silentMs: 12_000 }, 50)[0]).toBe(
      'laying the backup down  25 %, nothing new for 12.0 s, 4.0 s so far',
    );
  });

  it('does without what is not known, and without nonsense at its very beginning and end', () => {
    const line = (progress: object) =>
      progressLine({ phase: 'lay-down', elapsedMs: 1000, silentMs: 0, progress: { phase: 'lay-down', ...progress } });
    expect(line({ readBytes: 1024 })).toBe('laying the backup down: 1.0 s so far; read 1.0 KiB');
    expect(line({ readBytes: 0, totalBytes: 0, writtenBytes: 0, files: 0 })).not.toMatch(/NaN|Infinity|left|%/);
    expect(line({ readBytes: 10, totalBytes: 10 })).toContain('100 %');
    expect(line({ replayBytes: 0, lagBytes: 0 })).not.toMatch(/NaN|Infinity/);
    expect(progressLine({ phase: 'sync', elapsedMs: 7000, silentMs: 7000 })).toBe('flushing to disk: 7.0 s so far');
  });
});
