import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import { formatMicros } from '../../../../src/postgres/terms/timestamp.ts';
import { formatLsn, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { createMarkFinder, type WalMark } from '../../../../src/postgres/wal/wal-marks.ts';

const MIB = 2 ** 20;

/** Segments of 1 MiB of a real server, and what its own pg_waldump finds in them. */
function real(major: number): { segments: Buffer[]; expected: string[] } {
  const file = (suffix: string) =>
    readFileSync(new URL(`../../../fixtures/postgres/wal_marks.${major}.${suffix}`, import.meta.url));
  const wal = gunzipSync(file('gz'));
  const segments = Array.from({ length: wal.length / MIB }, (_, index) => wal.subarray(index * MIB, (index + 1) * MIB));
  const expected = file('txt').toString('utf8').trimEnd().split('\n').map(ofWaldump);
  return { segments, expected };
}

function ofWaldump(line: string): string {
  const [, tx, lsn] = /tx: +(\d+), lsn: (\S+),/.exec(line) ?? [];
  const at = formatLsn(parseLsn(lsn as string));
  const point = /desc: RESTORE_POINT (.*)$/.exec(line)?.[1];
  if (point !== undefined) return `${at} restore point ${point}`;
  const [, kind, xid, time] = /desc: (COMMIT|ABORT)(?:_PREPARED (\d+):)? (\S+ \S+) UTC/.exec(line) ?? [];
  return `${at} ${kind?.toLowerCase()} ${xid ?? tx} ${time?.replace(' ', 'T')}Z`;
}

/** @param expected tells which of several ids is the one of a prepared transaction */
function tell(mark: WalMark, expected: string | undefined): string {
  if (mark.kind === 'restore point') return `${formatLsn(mark.lsn)} restore point ${mark.name}`;
  const xid = mark.xids.find((candidate) => expected?.split(' ')[2] === String(candidate)) ?? mark.xids.join('|');
  return `${formatLsn(mark.lsn)} ${mark.kind} ${xid} ${formatMicros(mark.micros)}`;
}

describe.each([15, 17, 18, 19])('the WAL of PostgreSQL %i', (major) => {
  const { segments, expected } = real(major);

  it('gives the very marks that pg_waldump tells, with ids, times and names', () => {
    const finder = createMarkFinder();
    const marks = segments.flatMap((segment) => finder.feed(segment));
    expect(expected.length).toBeGreaterThan(10);
    expect(marks.map((mark, index) => tell(mark, expected[index]))).toEqual(expected);
  });

  it('can be entered at any segment', () => {
    for (const [index, segment] of segments.entries()) {
      const start = BigInt(new DataView(segment.buffer, segment.byteOffset).getBigUint64(8, true));
      const within = expected.filter((line) => {
        const lsn = parseLsn(line.split(' ')[0] as string);
        return lsn >= start && lsn < start + BigInt(MIB);
      });
      const marks = createMarkFinder().feed(segment);
      expect(
        marks.map((mark, at) => tell(mark, within[at])),
        `segment ${index}`,
      ).toEqual(within);
    }
  });

  it('gives nothing of a record that was changed', () => {
    const [first = Buffer.alloc(0)] = segments;
    const damaged = Buffer.from(first);
    const lsn = parseLsn(expected[0]?.split(' ')[0] as string);
    damaged[Number(lsn % BigInt(MIB)) + 30] = 0x55;
    expect(createMarkFinder().feed(damaged)).toHaveLength(createMarkFinder().feed(first).length - 1);
  });
});

it('reads on over the end of a segment, past both headers, and not when another segment follows', () => {
  // A segment of two small pages each, with a restore point that begins eight bytes before the first one's end.
  const name = 'over the edge';
  const record = restorePoint(name);
  const [one, two] = [emptySegment(0n), emptySegment(2n * 1024n)];
  const splitAt = 1024 * 2 - 24 - 8;
  one.set(record.subarray(0, 32), splitAt);
  two.set(record.subarray(32), 40);
  const finder = createMarkFinder();
  expect(finder.feed(one)).toEqual([]);
  expect(finder.feed(two)).toMatchObject([{ kind: 'restore point', name, lsn: BigInt(splitAt) }]);
  const other = createMarkFinder();
  other.feed(one);
  const farther = emptySegment(4n * 1024n);
  farther.set(record.subarray(32), 40);
  expect(other.feed(farther)).toEqual([]);
});

it('gives nothing of what is no WAL', () => {
  const finder = createMarkFinder();
  expect(finder.feed(Buffer.alloc(0))).toEqual([]);
  expect(finder.feed(Buffer.alloc(MIB))).toEqual([]);
  expect(finder.feed(Buffer.alloc(MIB, 'no WAL'))).toEqual([]);
});

it('reckons CRC-32C as its standard has it, in one piece or two', () => {
  const digits = Buffer.from('123456789');
  expect(crc32c(digits, 0, 9)).toBe(0xe3069283);
  expect(crc32c(digits, 4, 9, crc32c(digits, 0, 4))).toBe(0xe3069283);
});

/** Two pages of 1 KiB of PostgreSQL 17 without any record. */
function emptySegment(startLsn: bigint): Buffer {
  const segment = Buffer.alloc(2048);
  for (const at of [0, 1024]) {
    segment.writeUInt16LE(0xd116, at);
    segment.writeUInt16LE(at === 0 ? 2 : 0, at + 2);
    segment.writeUInt32LE(1, at + 4);
    segment.writeBigUInt64LE(startLsn + BigInt(at), at + 8);
  }
  segment.writeUInt32LE(2048, 32);
  segment.writeUInt32LE(1024, 36);
  return segment;
}

function restorePoint(name: string): Buffer {
  const record = Buffer.alloc(24 + 2 + 72);
  record.writeUInt32LE(record.length, 0);
  record[16] = 0x70;
  record[24] = 255;
  record[25] = 72;
  record.write(name, 34);
  record.writeUInt32LE(crc32c(record, 0, 20, crc32c(record, 24, record.length)), 20);
  return record;
}
