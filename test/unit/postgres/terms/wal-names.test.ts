import { describe, expect, it } from 'vitest';
import {
  formatLsn,
  formatSegmentName,
  historyName,
  inferSegmentSize,
  isHistoryName,
  isSegmentName,
  nextSegmentName,
  parseLsn,
  parseSegmentName,
  segmentBeforeLsn,
  segmentOfLsn,
  segmentsBetween,
  timelineOfName,
} from '../../../../src/postgres/terms/wal-names.ts';

const MIB = 1024 * 1024;

describe('names', () => {
  it('tells segments and histories from what lies beside them', () => {
    expect(isSegmentName('0000000100000000000000FF')).toBe(true);
    for (const other of [
      '0000000100000000000000FF.partial',
      '0000000100000000000000FF.00000028.backup',
      '0000000100000000000000FF.gz',
      '0000000100000000000000ff',
      '0000000100000000000000F',
      '00000002.history',
    ]) {
      expect(isSegmentName(other), other).toBe(false);
    }
    expect(isHistoryName('00000002.history')).toBe(true);
    expect(isHistoryName('00000002.history.gz')).toBe(false);
    expect(historyName(0x1a)).toBe('0000001A.history');
    expect(timelineOfName('0000001A.history')).toBe(26);
    expect(timelineOfName('0000001A0000000000000003')).toBe(26);
    expect(() => timelineOfName('base.tar')).toThrow(/not the name of a WAL segment/);
  });

  it.each([
    [16 * MIB, '0000000100000000000000FF', '000000010000000100000000'],
    [16 * MIB, '000000010000000000000009', '00000001000000000000000A'],
    [MIB, '000000010000000000000FFF', '000000010000000100000000'],
    [MIB, '0000000100000000000000FF', '000000010000000000000100'],
    [64 * MIB, '00000001000000000000003F', '000000010000000100000000'],
    [1024 * MIB, '00000002000000AB00000003', '00000002000000AC00000000'],
  ])('rolls over where a log of 4 GiB is full, with segments of %i bytes', (sizeBytes, name, next) => {
    expect(nextSegmentName(name, sizeBytes)).toBe(next);
    expect(formatSegmentName(parseSegmentName(name, sizeBytes), sizeBytes)).toBe(name);
  });

  it('refuses a name that segments of this size cannot have', () => {
    expect(() => parseSegmentName('000000010000000000000100')).toThrow(/no WAL segment of 16777216 bytes/);
    expect(() => parseSegmentName('000000010000000000000001', 3 * MIB)).toThrow(/not a WAL segment size/);
  });

  it('counts from one segment to another', () => {
    expect([...segmentsBetween('0000000100000000000000FE', '000000010000000100000001')]).toEqual([
      '0000000100000000000000FE',
      '0000000100000000000000FF',
      '000000010000000100000000',
      '000000010000000100000001',
    ]);
    expect([...segmentsBetween('000000010000000000000002', '000000010000000000000001')]).toEqual([]);
    expect(() => [...segmentsBetween('000000010000000000000002', '000000020000000000000003')]).toThrow(
      /different timelines/,
    );
  });
});

describe('positions', () => {
  it('reads and writes them as PostgreSQL does', () => {
    expect(parseLsn('0/2000028')).toBe(0x2000028n);
    expect(parseLsn('1A/F')).toBe(0x1a0000000fn);
    expect(formatLsn(0x1a0000000fn)).toBe('1A/F');
    expect(() => parseLsn('0/2000028 ')).toThrow(/not a WAL position/);
    expect(() => parseLsn('000000010000000000000002')).toThrow(/not a WAL position/);
  });

  it('finds the segment of a position, and the last one needed up to it', () => {
    expect(segmentOfLsn(parseLsn('1/0'), 3)).toBe('000000030000000100000000');
    expect(segmentBeforeLsn(parseLsn('1/0'), 3)).toBe('0000000300000000000000FF');
    expect(segmentBeforeLsn(parseLsn('1/28'), 3)).toBe('000000030000000100000000');
    expect(segmentOfLsn(parseLsn('0/B00028'), 1, MIB)).toBe('00000001000000000000000B');
  });

  it('infers the segment size from a position and the segment it lies in', () => {
    expect(inferSegmentSize(parseLsn('0/B00028'), '00000001000000000000000B')).toBe(MIB);
    expect(inferSegmentSize(parseLsn('12/3000028'), '000000010000001200000003')).toBe(16 * MIB);
    expect(inferSegmentSize(parseLsn('0/28'), '000000010000000000000000')).toBeUndefined();
    expect(inferSegmentSize(parseLsn('0/3000028'), '000000010000000000000005')).toBeUndefined();
  });
});
