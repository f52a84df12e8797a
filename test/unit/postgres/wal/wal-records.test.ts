import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { formatMicros } from '../../../../src/postgres/terms/timestamp.ts';
import { formatLsn, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import type { WalMark } from '../../../../src/postgres/wal/wal-marks.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { createRecordWalker, type WalOrigin } from '../../../../src/postgres/wal/wal-records.ts';

const MIB = 2 ** 20;
const PAGE = 8192;

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));
}

function segmentsOf(name: string): Buffer[] {
  const wal = gunzipSync(fixture(name));
  return Array.from({ length: wal.length / MIB }, (_, index) => wal.subarray(index * MIB, (index + 1) * MIB));
}

function originOf(segment: Uint8Array): WalOrigin {
  const header = readWalPageHeader(segment);
  if (!header) throw new Error('no segment');
  const { postgresMajor, systemIdentifier, segmentSizeBytes, timeline } = header;
  return { postgresMajor, systemIdentifier, segmentSizeBytes, timeline };
}

/** Walks through segments in pieces of so many bytes; gives the walker with what it passed. */
function walk(segments: readonly Buffer[], pieceBytes = MIB) {
  const marks: WalMark[] = [];
  let prepared = 0;
  const walker = createRecordWalker(originOf(segments[0] as Buffer), {
    mark: (mark) => void marks.push(mark),
    prepared: () => void prepared++,
  });
  for (const segment of segments) {
    for (let at = 0; at < segment.length; at += pieceBytes) walker.feed(segment.subarray(at, at + pieceBytes));
  }
  return { walker, marks, prepared };
}

/** Ends of transactions as pg_waldump tells them: LSN, kind, time. */
function toldBy(txt: string): string[] {
  return txt
    .trimEnd()
    .split('\n')
    .map((line) => {
      const lsn = formatLsn(parseLsn(/lsn: (\S+),/.exec(line)?.[1] as string));
      const [, kind, time] = /desc: (COMMIT|ABORT)(?:_PREPARED \d+:)? (\S+ \S+) UTC/.exec(line) ?? [];
      return kind === undefined ? `${lsn} restore point` : `${lsn} ${kind.toLowerCase()} ${time?.replace(' ', 'T')}Z`;
    });
}

function told({ lsn, kind, micros }: WalMark): string {
  return kind === 'restore point' ? `${formatLsn(lsn)} ${kind}` : `${formatLsn(lsn)} ${kind} ${formatMicros(micros)}`;
}

describe.each([15, 17, 18, 19])('the WAL of PostgreSQL %i', (major) => {
  const segments = segmentsOf(`wal_marks.${major}.gz`);

  it('is one chain of records to its end, with the very marks that pg_waldump tells', () => {
    const { walker, marks, prepared } = walk(segments);
    expect(walker.end).toBeUndefined();
    expect(walker.records).toBeGreaterThan(3000);
    expect(marks.map(told)).toEqual(toldBy(fixture(`wal_marks.${major}.txt`).toString('utf8')));
    expect(prepared).toBe(2);
  });

  it('can be entered at any segment', () => {
    const whole = walk(segments).walker;
    for (let index = 1; index < segments.length; index++) {
      const { walker } = walk(segments.slice(index));
      expect([walker.end, walker.lastLsn, walker.endLsn], `segment ${index}`).toEqual([
        undefined,
        whole.lastLsn,
        whole.endLsn,
      ]);
    }
  });
});

describe.each([13, 14, 16])('the pg_wal of a PostgreSQL %i that was shut down', (major) => {
  const segments = segmentsOf(`wal_records.${major}.gz`);
  const { checkpointLsn } = parsePgControl(fixture(`wal_records.${major}.control`));

  it('ends with the checkpoint that pg_control names, before older WAL in segments for later use', () => {
    const { walker, marks, prepared } = walk(segments);
    expect(formatLsn(walker.lastLsn ?? 0n)).toBe(checkpointLsn);
    expect(walker.end).toMatch(/nothing was written from|was not written|holds older WAL/);

    expect(marks.map(({ kind }) => kind)).toEqual(['commit', 'commit', 'commit', 'restore point', 'commit']);
    expect(prepared).toBe(1);
    expect(walker.endLsn).toBeGreaterThan(parseLsn(checkpointLsn));
  });

  it('is the same in pieces of any size', () => {
    const whole = walk(segments).walker;
    const pieces = walk(segments, PAGE).walker;
    expect([pieces.lastLsn, pieces.endLsn, pieces.records, pieces.end]).toEqual([
      whole.lastLsn,
      whole.endLsn,
      whole.records,
      whole.end,
    ]);
  });
});

describe('WAL that is not right', () => {
  const segments = segmentsOf('wal_marks.17.gz');
  const whole = walk(segments).walker;

  /** The walk through a copy that was changed in one segment. */
  function changed(index: number, change: (segment: Buffer) => void) {
    const copies = segments.map((segment) => Buffer.from(segment));
    change(copies[index] as Buffer);
    return walk(copies).walker;
  }

  it('ends before a record of which one byte is another', () => {
    const at = 20 * PAGE + 4000;
    const walker = changed(1, (segment) => segment.writeUInt8((segment[at] as number) ^ 1, at));
    const place = BigInt(MIB) * (BigInt(originStart() / MIB) + 1n) + BigInt(at);
    expect(walker.end).toMatch(/is not whole|does not follow|there is no record/);
    expect(walker.endLsn).toBeLessThanOrEqual(place);
    expect(place - (walker.endLsn ?? 0n)).toBeLessThan(BigInt(PAGE * 2));
  });

  it('ends before a record that is cut off: at a page that was not written, or holds older WAL', () => {
    const at = 30 * PAGE;
    const zeros = changed(1, (segment) => segment.fill(0, at));
    expect(zeros.end).toContain('was not written');
    const older = changed(1, (segment) => segments[0]?.copy(segment, at, at));
    expect(older.end).toContain('holds older WAL');
    expect(older.endLsn).toBe(zeros.endLsn);
    expect(zeros.records).toBeLessThan(whole.records);
  });

  it('ends at the beginning of a segment of another cluster, timeline or place', () => {
    const start = BigInt(originStart() + MIB);
    for (const [words, offset] of [
      ['another cluster', 24],
      ['timeline', 4],
      ['holds older WAL', 8],
      ['another size', 32],
      ['damaged header', 2],
    ] as const) {
      const walker = changed(1, (segment) => segment.writeUInt8((segment[offset] as number) ^ 2, offset));
      expect(walker.end).toContain(words);
      expect(walker.endLsn).toBeLessThanOrEqual(start);
    }
    const walker = createRecordWalker({ ...originOf(segments[0] as Buffer), postgresMajor: 16 });
    expect(walker.feed(segments[0] as Buffer)).toBe(false);
  });

  it('does not go on behind its end', () => {
    const walker = createRecordWalker(originOf(segments[0] as Buffer));
    walker.feed(Buffer.alloc(MIB));
    expect(walker.feed(segments[0] as Buffer)).toBe(false);
    expect(walker.records).toBe(0);
  });

  function originStart(): number {
    return Number(parseLsn(readWalPageHeader(segments[0] as Buffer)?.pageLsn as string));
  }
});
