import { crc32c } from '../terms/crc32c.ts';
import { microsOfTimestampTz } from '../terms/timestamp.ts';
import { advance, endOf, readPages } from './segment-pages.ts';

/** A record that recovery may stop at: the end of a transaction, or a restore point. */
export interface WalMark {
  kind: 'commit' | 'abort' | 'restore point';
  /** Where the record begins. */
  lsn: bigint;
  /** Time in microseconds since 1970, by the clock of the server that wrote the record. */
  micros: bigint;
  /** The transaction that ends. The record of a prepared one may name several, one of which it is. */
  xids: readonly number[];
  /** Name of a restore point. */
  name?: string;
}

/** Finds records of some kind in consecutive segments of one timeline. */
export interface RecordFinder<T> {
  /** Gives the records in the next segment. A record that goes on in the segment after it is given with that one. */
  feed(segment: Uint8Array): (T & { lsn: bigint })[];
}

/** A kind of records: how they look, and how they are read. */
export interface RecordKind<T> {
  /** Judges by resource manager, operation and padding alone: true at one in many thousands of places. */
  looksLike(bytes: Uint8Array, at: number): boolean;
  /** Reads a record that is sound. undefined when it is not of this kind after all. */
  read(bytes: Uint8Array, view: DataView, at: number, totalBytes: number): T | undefined;
  /** The fewest bytes that the main data of such a record has. */
  fewestDataBytes: number;
  /**
   * Looks over a whole segment, page headers and all: false when the bytes from 16 on of no such record's header lie in
   * it. For kinds that few segments have.
   */
  mayHold?(segment: Uint8Array): boolean;
}

export type MarkFinder = RecordFinder<Omit<WalMark, 'lsn'>>;

const RECORD_HEADER_BYTES = 24;
/**
 * Far above the size of a commit with a hundred thousand subtransactions. Anything that claims to be larger is
 * something else.
 */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** What follows a record's header, by its first byte: a number of two bytes, one of four, main data. */
const ORIGIN = 253;
const TOP_LEVEL_XID = 252;
const SHORT_DATA = 255;
const LONG_DATA = 254;

const RM_XLOG = 0;
const RM_XACT = 1;
const RESTORE_POINT = 0x70;
const OPERATION_MASK = 0x70;
const COMMIT = 0x00;
const ABORT = 0x20;
const COMMIT_PREPARED = 0x30;
const ABORT_PREPARED = 0x40;
const RESTORE_POINT_NAME_BYTES = 64;

/**
 * Looks through WAL without following the chain of records, so that it can begin at any segment. A mark is whatever
 * looks like one, at a place where a record may begin, with the right checksum. Source: PostgreSQL 13 to 19,
 * src/include/access/xlogrecord.h (XLogRecord, the order of its headers), xlog_internal.h (pages, xl_restore_point),
 * xact.h (xl_xact_commit, xl_xact_abort); xlogrecovery.c (recoveryStopsBefore, recoveryStopsAfter) for what counts.
 */
export function createMarkFinder(): MarkFinder {
  return createRecordFinder({ looksLike: looksLikeMark, read: markAt, fewestDataBytes: 8 });
}

/** Makes such a finder for records of any kind that have no blocks. */
export function createRecordFinder<T>(kind: RecordKind<T>): RecordFinder<T> {
  /** The end of the segment before, from its first record on that was not whole. */
  let rest: Uint8Array = new Uint8Array(0);
  /** Where that record begins. */
  let restLsn = 0n;
  let nextLsn: bigint | undefined;

  return {
    feed(segment) {
      if (rest.length < RECORD_HEADER_BYTES && kind.mayHold?.(segment) === false) {
        ({ rest, restLsn, nextLsn } = endOf(segment));
        return [];
      }
      const pages = readPages(segment);
      if (!pages) {
        nextLsn = undefined;
        return [];
      }
      if (nextLsn !== pages.startLsn) rest = new Uint8Array(0);
      const payload = new Uint8Array(rest.length + pages.content.length);
      payload.set(rest);
      payload.set(pages.content, rest.length);
      const restBytes = rest.length;
      const lsnAt = (at: number): bigint =>
        at < restBytes ? advance(restLsn, at, pages) : advance(pages.startLsn, at - restBytes, pages);
      const { found, incompleteAt } = findRecords(kind, payload, restBytes, lsnAt);
      restLsn = lsnAt(incompleteAt);
      rest = payload.slice(incompleteAt);
      nextLsn = pages.isWhole ? pages.startLsn + BigInt(pages.segmentBytes) : undefined;
      return found;
    },
  };
}

/** @param toldBytes records that end within these bytes were given before */
function findRecords<T>(
  kind: RecordKind<T>,
  bytes: Uint8Array,
  toldBytes: number,
  lsnAt: (at: number) => bigint,
): { found: (T & { lsn: bigint })[]; incompleteAt: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: (T & { lsn: bigint })[] = [];
  const lastHeaderAt = bytes.length - RECORD_HEADER_BYTES;
  let incompleteAt: number | undefined;
  let at = 0;
  // Records begin at multiples of eight.
  for (; at <= lastHeaderAt; at += 8) {
    if (!kind.looksLike(bytes, at)) continue;
    const totalBytes = view.getUint32(at, true);
    if (totalBytes < RECORD_HEADER_BYTES + 2 + kind.fewestDataBytes || totalBytes > MAX_RECORD_BYTES) continue;
    // A checksum in vain costs as much as a long record.
    if (!isFilled(bytes, view, at, totalBytes)) continue;
    if (at + totalBytes > bytes.length) {
      incompleteAt ??= at;
      continue;
    }
    if (at + totalBytes <= toldBytes || !isSound(bytes, view, at, totalBytes)) continue;
    const record = kind.read(bytes, view, at, totalBytes);
    if (record) found.push({ ...record, lsn: lsnAt(at) });
  }
  return { found, incompleteAt: incompleteAt ?? at };
}

/** Judges by resource manager, operation and padding alone: true at one in many thousands of places. */
function looksLikeMark(bytes: Uint8Array, at: number): boolean {
  const manager = bytes[at + 17] as number;
  if (manager > RM_XACT || bytes[at + 18] !== 0 || bytes[at + 19] !== 0) return false;
  const info = bytes[at + 16] as number;
  if (manager === RM_XLOG) return (info & 0xf0) === RESTORE_POINT;
  const operation = info & OPERATION_MASK;
  return operation === COMMIT || operation === ABORT || operation === COMMIT_PREPARED || operation === ABORT_PREPARED;
}

/**
 * Whether the main data takes up all of the record behind its headers, as in every record without blocks. True as well
 * when the headers are not whole.
 */
function isFilled(bytes: Uint8Array, view: DataView, at: number, totalBytes: number): boolean {
  for (let from = at + RECORD_HEADER_BYTES; from + 5 <= bytes.length; ) {
    const id = bytes[from];
    if (id === SHORT_DATA) return from + 2 + (bytes[from + 1] as number) === at + totalBytes;
    if (id === LONG_DATA) return from + 5 + view.getUint32(from + 1, true) === at + totalBytes;
    if (id !== ORIGIN && id !== TOP_LEVEL_XID) return false;
    from += id === ORIGIN ? 3 : 5;
  }
  return true;
}

/**
 * Whether the checksum is right. It covers the bytes behind the header, and then the header up to the checksum itself.
 */
function isSound(bytes: Uint8Array, view: DataView, at: number, totalBytes: number): boolean {
  const ofData = crc32c(bytes, at + RECORD_HEADER_BYTES, at + totalBytes);
  return crc32c(bytes, at, at + 20, ofData) === view.getUint32(at + 20, true);
}

/** The mark in one whole record, header and all; undefined when it is no mark. The checksum is not looked at. */
export function readMark(record: Uint8Array): Omit<WalMark, 'lsn'> | undefined {
  if (record.length < RECORD_HEADER_BYTES + 2 + 8 || !looksLikeMark(record, 0)) return undefined;
  return markAt(record, new DataView(record.buffer, record.byteOffset, record.byteLength), 0, record.length);
}

function markAt(bytes: Uint8Array, view: DataView, at: number, totalBytes: number): Omit<WalMark, 'lsn'> | undefined {
  const end = at + totalBytes;
  const dataAt = mainDataAt(bytes, at + RECORD_HEADER_BYTES, end);
  if (dataAt === undefined || dataAt + 8 > end) return undefined;
  const micros = microsOfTimestampTz(view.getBigInt64(dataAt, true));
  if (bytes[at + 17] === RM_XLOG) {
    if (dataAt + 8 + RESTORE_POINT_NAME_BYTES > end) return undefined;
    const name = Buffer.from(bytes.subarray(dataAt + 8, dataAt + 8 + RESTORE_POINT_NAME_BYTES));
    const nameBytes = name.indexOf(0);
    return {
      kind: 'restore point',
      micros,
      xids: [],
      name: name.toString('utf8', 0, nameBytes < 0 ? name.length : nameBytes),
    };
  }
  const operation = (bytes[at + 16] as number) & OPERATION_MASK;
  const kind = operation === COMMIT || operation === COMMIT_PREPARED ? 'commit' : 'abort';
  if (operation === COMMIT || operation === ABORT) return { kind, micros, xids: [view.getUint32(at + 4, true)] };
  // The prepared transaction's id stands behind lists of any length, each present or not.
  const xids = new Set<number>();
  for (let word = dataAt + 8; word + 4 <= end; word += 4) xids.add(view.getUint32(word, true));
  return { kind, micros, xids: [...xids] };
}

/**
 * Where the main data of a record without blocks begins. An origin (of replication) and a top-level transaction may
 * stand before it.
 */
export function mainDataAt(bytes: Uint8Array, from: number, end: number): number | undefined {
  for (let at = from; at < end; ) {
    switch (bytes[at]) {
      case ORIGIN:
        at += 3;
        break;
      case TOP_LEVEL_XID:
        at += 5;
        break;
      case SHORT_DATA:
        return at + 2;
      case LONG_DATA:
        return at + 5;
      default:
        return undefined;
    }
  }
  return undefined;
}
