import { crc32c } from '../terms/crc32c.ts';
import { majorOfWalPage } from '../terms/versions.ts';
import { formatLsn } from '../terms/wal-names.ts';
import { readMark, type WalMark } from './wal-marks.ts';

/** The origin that every page of a stretch of WAL has to have. */
export interface WalOrigin {
  postgresMajor: number;
  /** A 64-bit number as decimal text. */
  systemIdentifier: string;
  segmentSizeBytes: number;
  /** Timeline of the segments' names. Pages may be of an older one, where the timeline begins in their segment. */
  timeline: number;
}

/** Follows WAL record by record, as recovery does, to where it really ends. */
export interface RecordWalker {
  /**
   * Goes on with whole pages, at least one. The first call begins with the beginning of a segment. False when the WAL
   * has ended within the pages; then nothing more is taken.
   */
  feed(pages: Uint8Array): boolean;
  /** Where the last whole record begins. */
  readonly lastLsn: bigint | undefined;
  /** The end of the last whole record. If that record was a switch to the next segment, the end of its segment. */
  readonly endLsn: bigint | undefined;
  /** Whole records so far. */
  readonly records: number;
  /** Why the WAL ends there; undefined as long as it goes on. */
  readonly end: string | undefined;
}

/** Called for what a walk passes. */
export interface Passing {
  /** Ends of transactions and restore points. */
  mark?(mark: WalMark): void;
  /** A transaction that is prepared (PREPARE TRANSACTION), and so outlives a crash without having ended. */
  prepared?(): void;
}

/** CRC-32C of bytes. `before` is the checksum of the bytes before them. */
export type Crc32c = (bytes: Uint8Array, from: number, to: number, before?: number) => number;

/** XLOG_BLCKSZ, as a server can be built. */
export const WAL_PAGE_SIZES: readonly number[] = [1, 2, 4, 8, 16, 32, 64].map((size) => size * 1024);

export const RECORD_HEADER_BYTES = 24;
/** XLogRecordMaxSize. */
export const MAX_RECORD_BYTES = 1020 * 2 ** 20;
/** The longest record that is read as a mark: nobody has an end of a transaction that is longer. */
const MAX_MARK_BYTES = 4 * 2 ** 20;
const PAGE_HEADER_BYTES = 24;
const LONG_PAGE_HEADER_BYTES = 40;

const FIRST_IS_CONTRECORD = 0x0001;
const LONG_HEADER = 0x0002;
const FIRST_IS_OVERWRITE_CONTRECORD = 0x0008;
const ALL_FLAGS = 0x000f;

const RM_XLOG = 0;
const RM_XACT = 1;
const SWITCH = 0x40;
const XACT_OPERATION_MASK = 0x70;
const PREPARE = 0x10;

/** A record that is being gathered, perhaps over many pages. */
interface Gathering {
  lsn: bigint;
  totalBytes: number;
  haveBytes: number;
  header: Buffer;
  /** CRC of the bytes behind the header. */
  crc: number;
  /** The whole record, if it may be one to tell of. */
  whole: Buffer | undefined;
}

/**
 * Walks from the beginning of a segment. Only a record that began before is passed over. From then on, each page has to
 * have its own address, and each record the address of the one before it and its right checksum. Memory does not grow
 * with the records. Source: PostgreSQL 13 to 19, src/backend/access/transam/xlogreader.c (XLogReadRecord,
 * ValidXLogRecordHeader, ValidXLogRecord, XLogReaderValidatePageHeader); src/include/access/xlogrecord.h (XLogRecord),
 * xlog_internal.h (XLogPageHeaderData and its flags).
 */
export function createRecordWalker(origin: WalOrigin, passing: Passing = {}, checksum: Crc32c = crc32c): RecordWalker {
  let nextLsn: bigint | undefined;
  let pageBytes = 0;
  let pageTimeline = 0;
  let skipBytes = 0;
  let gathering: Gathering | undefined;
  /** Behind a switch, up to the next segment, nothing counts. */
  let isPadding = false;
  const walker = {
    lastLsn: undefined as bigint | undefined,
    endLsn: undefined as bigint | undefined,
    records: 0,
    end: undefined as string | undefined,
    feed,
  };

  function over(why: string): false {
    walker.end = why;
    gathering = undefined;
    return false;
  }

  function feed(pages: Uint8Array): boolean {
    if (walker.end !== undefined) return false;
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    const isFirst = nextLsn === undefined;
    if (isFirst) {
      pageBytes = pages.length < LONG_PAGE_HEADER_BYTES ? 0 : view.getUint32(36, true);
      if (!WAL_PAGE_SIZES.includes(pageBytes)) return over('it does not begin like a segment');
    }
    const startLsn = nextLsn ?? view.getBigUint64(8, true);
    walker.endLsn ??= startLsn;
    let at = 0;
    while (at < pages.length) {
      const lsn = startLsn + BigInt(at);
      const inSegment = Number(lsn % BigInt(origin.segmentSizeBytes));
      if (isPadding && inSegment === 0) isPadding = false;
      if (isPadding) {
        at += Math.min(pages.length - at, origin.segmentSizeBytes - inSegment);
        continue;
      }
      if (inSegment % pageBytes === 0) {
        const fault = openPage(pages, view, at, lsn, inSegment, isFirst && at === 0);
        if (fault !== undefined) return over(fault);
        at += inSegment === 0 ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES;
        continue;
      }
      const leftInPage = pageBytes - (inSegment % pageBytes);
      if (skipBytes > 0) {
        const bytes = Math.min(skipBytes, leftInPage);
        skipBytes -= bytes;
        at += bytes;
        if (skipBytes === 0) {
          at += padding(inSegment + bytes);
          walker.endLsn = startLsn + BigInt(at);
        }
        continue;
      }
      if (!gathering) {
        const totalBytes = view.getUint32(at, true);
        if (totalBytes === 0) return over(`nothing was written from ${formatLsn(lsn)} on`);
        if (totalBytes < RECORD_HEADER_BYTES || totalBytes > MAX_RECORD_BYTES)
          return over(`there is no record at ${formatLsn(lsn)}`);
        gathering = {
          lsn,
          totalBytes,
          haveBytes: 0,
          header: Buffer.alloc(RECORD_HEADER_BYTES),
          crc: 0,
          whole: undefined,
        };
      }
      const bytes = Math.min(gathering.totalBytes - gathering.haveBytes, leftInPage);
      const fault = gather(gathering, pages, at, bytes);
      if (fault !== undefined) return over(fault);
      at += bytes;
      if (gathering.haveBytes < gathering.totalBytes) continue;
      at += padding(inSegment + bytes);
      const wrong = finish(gathering, startLsn + BigInt(at));
      if (wrong !== undefined) return over(wrong);
      gathering = undefined;
    }
    nextLsn = startLsn + BigInt(pages.length);
    return true;
  }

  /** Gives what is wrong with a page's header. */
  function openPage(
    pages: Uint8Array,
    view: DataView,
    at: number,
    lsn: bigint,
    inSegment: number,
    isEntry: boolean,
  ): string | undefined {
    const where = `the page at ${formatLsn(lsn)}`;
    if (at + LONG_PAGE_HEADER_BYTES > pages.length) return `${where} is cut off`;
    if (majorOfWalPage(pages.subarray(at, at + 2)) !== origin.postgresMajor) return `${where} was not written`;
    if (view.getBigUint64(at + 8, true) !== lsn) return `${where} holds older WAL`;
    const flags = view.getUint16(at + 2, true);
    if ((flags & ~ALL_FLAGS) !== 0 || ((flags & LONG_HEADER) !== 0) !== (inSegment === 0))
      return `${where} has a damaged header`;
    if (inSegment === 0) {
      if (view.getBigUint64(at + 24, true).toString() !== origin.systemIdentifier)
        return `${where} is of another cluster`;
      const fits =
        view.getUint32(at + 32, true) === origin.segmentSizeBytes && view.getUint32(at + 36, true) === pageBytes;
      if (!fits) return `${where} is of segments or pages of another size`;
    }
    const timeline = view.getUint32(at + 4, true);
    if (timeline > origin.timeline || timeline < pageTimeline || timeline === 0)
      return `${where} is of timeline ${timeline}`;
    pageTimeline = timeline;
    const restBytes = view.getUint32(at + 16, true);
    const goesOn = (flags & FIRST_IS_CONTRECORD) !== 0;
    if (isEntry && goesOn) skipBytes = restBytes;
    else if (isEntry) walker.endLsn = lsn + BigInt(LONG_PAGE_HEADER_BYTES);
    else if (gathering && (flags & FIRST_IS_OVERWRITE_CONTRECORD) !== 0) gathering = undefined;
    else {
      const expected = gathering ? gathering.totalBytes - gathering.haveBytes : skipBytes;
      if (goesOn !== expected > 0 || (goesOn && restBytes !== expected))
        return `${where} does not go on with the record before it`;
    }
    return undefined;
  }

  /** Takes the next bytes of a record; gives what is wrong as soon as its header shows. */
  function gather(record: Gathering, pages: Uint8Array, at: number, bytes: number): string | undefined {
    const hadBytes = record.haveBytes;
    const headerBytes = Math.min(bytes, Math.max(0, RECORD_HEADER_BYTES - hadBytes));
    if (headerBytes > 0) record.header.set(pages.subarray(at, at + headerBytes), hadBytes);
    record.haveBytes += bytes;
    if (headerBytes > 0 && hadBytes + headerBytes === RECORD_HEADER_BYTES) {
      const previous = record.header.readBigUInt64LE(8);
      const fits = walker.lastLsn === undefined ? previous < record.lsn : previous === walker.lastLsn;
      if (!fits) return `the record at ${formatLsn(record.lsn)} does not follow the one before it`;
      if (isOfInterest(record)) {
        record.whole = Buffer.alloc(record.totalBytes);
        record.header.copy(record.whole);
      }
    }
    record.whole?.set(pages.subarray(at + headerBytes, at + bytes), hadBytes + headerBytes);
    record.crc = checksum(pages, at + headerBytes, at + bytes, record.crc);
    return undefined;
  }

  function isOfInterest({ header, totalBytes }: Gathering): boolean {
    const manager = header[17] as number;
    return (manager === RM_XACT || manager === RM_XLOG) && totalBytes <= MAX_MARK_BYTES;
  }

  function finish(record: Gathering, endLsn: bigint): string | undefined {
    const { header, lsn, whole } = record;
    if (checksum(header, 0, 20, record.crc) !== header.readUInt32LE(20)) {
      return `the record at ${formatLsn(lsn)} is not whole`;
    }
    const [info, manager] = [header[16] as number, header[17] as number];
    walker.lastLsn = lsn;
    walker.records += 1;
    isPadding = manager === RM_XLOG && (info & 0xf0) === SWITCH && endLsn % BigInt(origin.segmentSizeBytes) !== 0n;
    const segmentBytes = BigInt(origin.segmentSizeBytes);
    walker.endLsn = isPadding ? endLsn - (endLsn % segmentBytes) + segmentBytes : endLsn;
    if (manager === RM_XACT && (info & XACT_OPERATION_MASK) === PREPARE) passing.prepared?.();
    const mark = whole && passing.mark && readMark(whole);
    if (mark) passing.mark?.({ ...mark, lsn });
    return undefined;
  }

  return walker;
}

/** Records begin at multiples of eight. */
function padding(at: number): number {
  return (8 - (at % 8)) % 8;
}
