import { describe, expect, it } from 'vitest';
import { createTablespaceFinder } from '../../../../src/postgres/wal/tablespace-records.ts';
import { tablespaceRecord } from '../../parts/tablespace-record.ts';

const PAGE_BYTES = 1024;
const SEGMENT_BYTES = 4 * PAGE_BYTES;
/** What a segment holds without its pages' headers. */
const CONTENT_BYTES = SEGMENT_BYTES - 40 - 3 * 24;

/** Segments of four small pages of PostgreSQL 17, with that content between the headers. */
function segmentsWith(content: Buffer): Buffer[] {
  let from = 0;
  return Array.from({ length: Math.ceil(content.length / CONTENT_BYTES) }, (_, index) => {
    const segment = Buffer.alloc(SEGMENT_BYTES);
    for (let at = 0; at < SEGMENT_BYTES; at += PAGE_BYTES) {
      const headerBytes = at === 0 ? 40 : 24;
      segment.writeUInt16LE(0xd116, at);
      segment.writeUInt16LE(at === 0 ? 2 : 0, at + 2);
      segment.writeUInt32LE(1, at + 4);
      segment.writeBigUInt64LE(BigInt(index * SEGMENT_BYTES + at), at + 8);
      from += content.copy(segment, at + headerBytes, from, from + PAGE_BYTES - headerBytes);
    }
    segment.writeUInt32LE(SEGMENT_BYTES, 32);
    segment.writeUInt32LE(PAGE_BYTES, 36);
    return segment;
  });
}

describe('a record that creates a tablespace', () => {
  it.each(['/a', `/${'long'.repeat(250)}`])(
    'is found wherever it begins, over the ends of pages and segments: %s',
    (location) => {
      const record = tablespaceRecord(7, location);
      const missed: number[] = [];
      for (let at = 0; at <= 2 * CONTENT_BYTES; at += 8) {
        const content = Buffer.alloc(3 * CONTENT_BYTES);
        record.copy(content, at);
        const finder = createTablespaceFinder();
        const found = segmentsWith(content).flatMap((segment) => finder.feed(segment));
        if (found.length !== 1 || found[0]?.location !== location) missed.push(at);
      }
      expect(missed).toEqual([]);
    },
  );

  it('is not made up of two segments that do not follow each other', () => {
    const content = Buffer.alloc(2 * CONTENT_BYTES);
    tablespaceRecord(7, '/a').copy(content, CONTENT_BYTES - 8);
    const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = segmentsWith(content);
    const finder = createTablespaceFinder();
    expect(finder.feed(one)).toEqual([]);
    for (let at = 0; at < SEGMENT_BYTES; at += PAGE_BYTES) two.writeBigUInt64LE(BigInt(2 * SEGMENT_BYTES + at), at + 8);
    expect(finder.feed(two)).toEqual([]);
  });
});
