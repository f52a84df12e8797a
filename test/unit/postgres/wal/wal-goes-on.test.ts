import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { createWalBehind } from '../../../../src/postgres/wal/wal-goes-on.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { createRecordWalker } from '../../../../src/postgres/wal/wal-records.ts';

const MIB = 2 ** 20;
const PAGE = 8192;
const PAGE_HEADER = 24;

/** One segment of a real server's WAL, with the places of its records. */
interface Segment {
  bytes: Buffer;
  /** The same place of the file before it was used again. */
  older: Buffer;
  startLsn: bigint;
  postgresMajor: number;
  timeline: number;
  /** Of the records that begin in it, up to the last whole one. */
  lsns: bigint[];
}

function segmentsOf(fixture: string): Segment[] {
  const wal = gunzipSync(readFileSync(new URL(`../../../fixtures/postgres/${fixture}`, import.meta.url)));
  const all = Array.from({ length: wal.length / MIB }, (_, index) => wal.subarray(index * MIB, (index + 1) * MIB));
  return all.flatMap((bytes, index) => {
    const header = readWalPageHeader(bytes);
    if (!header) throw new Error('no segment');
    const { postgresMajor, timeline } = header;
    const startLsn = parseLsn(header.pageLsn);
    const last = walk(bytes).lastLsn;
    // Those for later use have none.
    if (last === undefined) return [];
    const lsns: bigint[] = [];
    for (let lsn = last; lsn >= startLsn; lsn = previousOf(bytes, startLsn, lsn)) lsns.unshift(lsn);
    return [
      {
        bytes,
        older: index === 0 ? Buffer.alloc(MIB) : (all[index - 1] as Buffer),
        startLsn,
        postgresMajor,
        timeline,
        lsns,
      },
    ];
  });
}

function walk(bytes: Buffer) {
  const header = readWalPageHeader(bytes);
  if (!header) throw new Error('no segment');
  const { postgresMajor, systemIdentifier, timeline } = header;
  const walker = createRecordWalker({ postgresMajor, systemIdentifier, segmentSizeBytes: MIB, timeline });
  walker.feed(bytes);
  return walker;
}

/** Where a byte of a record lies in its segment, which begins at `startLsn`. */
function placeOf(startLsn: bigint, lsn: bigint, byte: number): number {
  let at = Number(lsn - startLsn);
  for (let left = byte; ; ) {
    const here = Math.min(left, PAGE - 1 - (at % PAGE));
    at += here;
    left -= here;
    if (left === 0) return at;
    at += 1 + PAGE_HEADER;
    left -= 1;
  }
}

/** The segment before has the record when this is lower than its beginning. */
function previousOf(bytes: Buffer, startLsn: bigint, lsn: bigint): bigint {
  // A header that goes on in the next page, behind the segment's end, is of no whole record.
  return bytes.readBigUInt64LE(placeOf(startLsn, lsn, 8));
}

function goesOn({ startLsn, postgresMajor, timeline }: Segment, bytes: Buffer, endLsn: bigint): boolean {
  const behind = createWalBehind({ postgresMajor, timeline, pageBytes: PAGE }, endLsn);
  behind.feed(bytes, startLsn);
  return behind.goesOn;
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}
const flip = (copy: Buffer, at: number) => copy.writeUInt8(copy.readUInt8(at) ^ 1, at);

/** Behind the record itself, in its segment. */
const behindOf = ({ startLsn, bytes }: Segment, lsn: bigint) =>
  placeOf(startLsn, lsn, bytes.readUInt32LE(Number(lsn - startLsn)) - 1) + 1;

const FIXTURES = [
  ...[15, 17, 18, 19].map((major) => `wal_marks.${major}.gz`),
  ...[13, 14, 16].map((major) => `wal_records.${major}.gz`),
];

describe.each(FIXTURES)('behind a place in %s', (fixture) => {
  const segments = segmentsOf(fixture);

  it('a later record is seen, whichever record is damaged', () => {
    for (const segment of segments) {
      const { bytes, startLsn, lsns } = segment;
      expect(lsns.length).toBeGreaterThan(3);
      const copy = Buffer.from(bytes);
      for (const lsn of lsns.slice(0, -1)) {
        const at = placeOf(startLsn, lsn, 20);
        flip(copy, at);
        expect(goesOn(segment, copy, lsn), `${lsn - startLsn}`).toBe(true);
        flip(copy, at);
      }
      for (const lsn of lsns.filter((_, index) => index % Math.ceil(lsns.length / 4) === 1)) {
        const damaged = changed(bytes, (one) => flip(one, placeOf(startLsn, lsn, 20)));
        expect(walk(damaged).endLsn).toBe(lsn);
      }
    }
  });

  it('the last record of all is seen, though it begins in one page and ends in the next', () => {
    let spanning = 0;
    for (const segment of segments) {
      for (const [index, lsn] of segment.lsns.entries()) {
        const before = segment.lsns[index - 1];
        const end = behindOf(segment, lsn);
        const [from, page] = [before, lsn].map((one = 0n) => Math.trunc(Number(one - segment.startLsn) / PAGE));
        if (before === undefined || from !== page || page === Math.trunc(end / PAGE) || end >= MIB) continue;
        spanning += 1;
        if (spanning > 30) break;
        const copy = changed(segment.bytes, (one) => one.fill(0, end));
        expect(goesOn(segment, copy, before), `${lsn}`).toBe(true);
        // Without its last byte it is the one that was being written, and ends the WAL like the damaged one before it.
        flip(copy, end - 1);
        expect(goesOn(segment, copy, before), `${lsn}`).toBe(false);
      }
    }
    expect(spanning).toBeGreaterThan(20);
  });

  it('is nothing where the WAL was cut, whatever was there before', () => {
    let cuts = 0;
    for (const segment of segments) {
      const { bytes, older, startLsn, lsns } = segment;
      for (const [index, lsn] of lsns.entries()) {
        if (index % Math.ceil(lsns.length / 5) !== 0) continue;
        const end = behindOf(segment, lsn);
        for (const at of [Number(lsn - startLsn), placeOf(startLsn, lsn, 20), end - 1]) {
          cuts += 1;
          expect(
            goesOn(
              segment,
              changed(bytes, (copy) => copy.fill(0, at)),
              lsn,
            ),
            `${at}`,
          ).toBe(false);
          expect(
            goesOn(
              segment,
              changed(bytes, (copy) => older.copy(copy, at, at)),
              lsn,
            ),
            `${at}, used again`,
          ).toBe(false);
        }
      }
      const last = lsns.at(-1) as bigint;
      expect(goesOn(segment, bytes, startLsn + BigInt(behindOf(segment, last)))).toBe(false);
    }
    expect(cuts).toBeGreaterThan(25);
  });
});

describe('behind a place in a segment', () => {
  const [segment] = segmentsOf('wal_marks.17.gz') as [Segment];
  const end = segment.lsns.find((lsn) => lsn > segment.startLsn + BigInt(20 * PAGE)) as bigint;
  const endPage = Math.trunc(Number(end - segment.startLsn) / PAGE);

  it('what an older timeline left under the same addresses is nothing', () => {
    const copy = changed(segment.bytes, (one) => {
      for (let page = 0; page <= endPage; page++) one.writeUInt32LE(2, page * PAGE + 4);
      one.fill(0, Number(end - segment.startLsn), (endPage + 1) * PAGE);
    });
    expect(goesOn({ ...segment, timeline: 2 }, copy, end)).toBe(false);
    // Where the timeline begins in that very page, it is not: what is behind is as old as what is before.
    expect(goesOn({ ...segment, timeline: 2 }, segment.bytes, end)).toBe(true);
  });

  it('records count in a page whose own header is damaged', () => {
    const next = (endPage + 1) * PAGE;
    const copy = changed(segment.bytes, (one) => {
      one.fill(0, Number(end - segment.startLsn), next);
      one.fill(0, next + PAGE);
      flip(one, next + 8);
    });
    expect(goesOn(segment, copy, end)).toBe(true);
  });

  it('is the same in pieces of any size', () => {
    const { postgresMajor, timeline, bytes, startLsn } = segment;
    for (const pieceBytes of [PAGE, 4 * PAGE]) {
      const behind = createWalBehind({ postgresMajor, timeline, pageBytes: PAGE }, end);
      for (let at = 0; at < MIB; at += pieceBytes)
        behind.feed(bytes.subarray(at, at + pieceBytes), startLsn + BigInt(at));
      expect(behind.goesOn).toBe(true);
    }
  });
});
