import { crc32c } from '../../../src/postgres/terms/crc32c.ts';
import { parseMicros } from '../../../src/postgres/terms/timestamp.ts';

/** Segments of 1 MiB, the smallest that PostgreSQL has. */
export const SEGMENT_BYTES = 2 ** 20;

const PAGE_BYTES = 8192;
const COMMIT_DATA_BYTES = 8;
const POSTGRES_EPOCH_MICROS = parseMicros('2000-01-01T00:00:00Z');

/** A record that recovery may stop at; `what` is a transaction's id, or a restore point's name. */
export interface SyntheticMark {
  what: number | string;
  time: string;
}

/** A segment of PostgreSQL 17 that begins with these records, and then was switched: as real as ODO looks at it. */
export function makeSegment(timeline: number, number: number, marks: readonly SyntheticMark[] = []): Buffer {
  const segment = Buffer.alloc(SEGMENT_BYTES);
  segment.writeUInt16LE(0xd116, 0);
  segment.writeUInt16LE(2, 2);
  segment.writeUInt32LE(timeline, 4);
  segment.writeBigUInt64LE(BigInt(number) * BigInt(SEGMENT_BYTES), 8);
  segment.writeUInt32LE(SEGMENT_BYTES, 32);
  segment.writeUInt32LE(PAGE_BYTES, 36);
  let at = 40;
  for (const mark of marks) {
    const record = toRecord(mark);
    record.copy(segment, at);
    at += Math.ceil(record.length / 8) * 8;
  }
  return segment;
}

/** Where a segment's commits begin, given how many are before; they take 40 bytes each. */
export function lsnIn(number: number, before = 0): string {
  return `0/${(number * SEGMENT_BYTES + 40 + before * 40).toString(16).toUpperCase()}`;
}

/** The name of a segment of 1 MiB. */
export function smallSegment(timeline: number, number: number): string {
  return [timeline, 0, number].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}

function toRecord({ what, time }: SyntheticMark): Buffer {
  const isPoint = typeof what === 'string';
  const dataBytes = isPoint ? 8 + 64 : COMMIT_DATA_BYTES;
  const record = Buffer.alloc(24 + 2 + dataBytes);
  record.writeUInt32LE(record.length, 0);
  if (!isPoint) record.writeUInt32LE(what, 4);
  record[16] = isPoint ? 0x70 : 0x00;
  record[17] = isPoint ? 0 : 1;
  record[24] = 255;
  record[25] = dataBytes;
  record.writeBigInt64LE(parseMicros(time) - POSTGRES_EPOCH_MICROS, 26);
  if (isPoint) record.write(what, 34);
  record.writeUInt32LE(crc32c(record, 0, 20, crc32c(record, 24, record.length)), 20);
  return record;
}
