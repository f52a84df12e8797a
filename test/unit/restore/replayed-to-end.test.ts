import { describe, expect, it } from 'vitest';
import { demandReplayedToEnd } from '../../../src/restore/replayed-to-end.ts';
import type { WalPlan } from '../../../src/wal/wal-plan.ts';

const plan = (endSegment: string, segmentSizeBytes = 16 << 20): WalPlan => ({
  source: 'archive',
  spans: [],
  segmentSizeBytes,
  recoveryTargetTimeline: 'latest',
  histories: [],
  segments: 1,
  storedBytes: 1,
  endSegment,
});
const at = (lsn: string) => ({ timeline: 2, lsn });

describe('where recovery ended', () => {
  it('is right anywhere in the last segment of the archive, and at its very end', () => {
    for (const lsn of ['0/5000028', '0/5FFFFFF', '0/6000000']) {
      expect(() => demandReplayedToEnd(plan('000000010000000000000005'), at(lsn))).not.toThrow();
    }
  });

  it('is damage before that, in whatever segment size', () => {
    for (const [end, size] of [
      ['000000010000000000000005', 16 << 20],
      ['000000010000000000000050', 1 << 20],
    ] as const) {
      expect(() => demandReplayedToEnd(plan(end, size), at('0/5000000'))).toThrow(
        expect.objectContaining({ code: 'dataCorrupt', message: expect.stringContaining(`goes on to ${end}`) }),
      );
    }
  });

  it('is damage before the last record that was found in the old data, too', () => {
    const wal = plan('000000010000000000000005');
    const salvage = { lastLsn: '0/7000100' };
    expect(() => demandReplayedToEnd(wal, at('0/7000178'), salvage)).not.toThrow();
    expect(() => demandReplayedToEnd(wal, at('0/7000100'), salvage)).toThrow(/the WAL of the old data goes on to 0\/7000100/);
  });

  it('is not judged when the WAL came with the backup', () => {
    expect(() => demandReplayedToEnd({ source: 'included' }, at('0/1'))).not.toThrow();
  });
});
