import { crc32c } from '../terms/crc32c.ts';
import { majorOfWalPage } from '../terms/versions.ts';
import { type Crc32c, MAX_RECORD_BYTES, RECORD_HEADER_BYTES } from './wal-records.ts';

const HEADER_BYTES = 24;
const IS_CONTRECORD = 0x0001;

/** Looks at the bytes behind a place where WAL can be read no farther. */
export interface WalBehind {
  /** Takes whole pages, in their order. Bytes before that place are passed over. */
  feed(pages: Uint8Array, startLsn: bigint): void;
  /**
   * A later record was written, so the place is damaged. The real end of WAL has nothing behind it but zeros, older
   * content, and the rest of the one record that was being written.
   */
  readonly goesOn: boolean;
}

/** A record that goes on in the next page, if it is one. */
interface Candidate {
  leftBytes: number;
  /** CRC of the bytes behind the header, as far as they have come. */
  crc: number;
  header: Buffer;
}

/**
 * Two things show a later record. One is the header of a later page. The other is a whole record, with a right
 * checksum, that follows a record at this place or behind it. Older content has no such record: it is of lower
 * addresses, or of pages of an older timeline.
 * @param endLsn where the WAL can be read no farther
 */
export function createWalBehind(
  origin: { postgresMajor: number; timeline: number; pageBytes: number },
  endLsn: bigint,
  checksum: Crc32c = crc32c,
): WalBehind {
  const { pageBytes } = origin;
  const [endHigh, endLow] = [Number(endLsn >> 32n), Number(endLsn & 0xffffffffn)];
  let leastTimeline = 1;
  let hasRecordEnded = false;
  /** The last bytes of the page before, too few for the header of a record. */
  let carried: Uint8Array = Buffer.alloc(0);
  let unfinished: Candidate[] = [];
  const behind = { goesOn: false, feed };

  function feed(pages: Uint8Array, startLsn: bigint): void {
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    for (let at = 0; at + pageBytes <= pages.length && !behind.goesOn; at += pageBytes) {
      const lsn = startLsn + BigInt(at);
      const timeline = timelineOf(pages, view, at, lsn);
      if (lsn < endLsn) leastTimeline = timeline ?? leastTimeline;
      if (lsn + BigInt(pageBytes) <= endLsn) continue;
      if (timeline !== undefined && timeline < leastTimeline) {
        // This page was left in a file that was used again, under the same addresses. A file's WAL is never of an older
        // timeline than the WAL before it.
        [carried, unfinished] = [Buffer.alloc(0), []];
        continue;
      }
      if (lsn > endLsn && timeline !== undefined) takeHeader(view, at);
      const skippedBytes = Math.max(HEADER_BYTES, Number(endLsn - lsn));
      if (!behind.goesOn) takeRecords(pages.subarray(at + skippedBytes, at + pageBytes), lsn + BigInt(skippedBytes));
    }
  }

  /** undefined when the page cannot be of this WAL, or its header is damaged. */
  function timelineOf(pages: Uint8Array, view: DataView, at: number, lsn: bigint): number | undefined {
    if (majorOfWalPage(pages.subarray(at, at + 2)) !== origin.postgresMajor) return undefined;
    const timeline = view.getUint32(at + 4, true);
    return view.getBigUint64(at + 8, true) === lsn && timeline <= origin.timeline ? timeline : undefined;
  }

  function takeHeader(view: DataView, at: number): void {
    const isRest = (view.getUint16(at + 2, true) & IS_CONTRECORD) !== 0;
    if (hasRecordEnded || !isRest) behind.goesOn = true;
    else hasRecordEnded = view.getUint32(at + 16, true) <= pageBytes - HEADER_BYTES;
  }

  /** Goes through what a page holds behind its header. */
  function takeRecords(content: Uint8Array, contentLsn: bigint): void {
    const begun = unfinished;
    unfinished = [];
    for (const candidate of begun) take(candidate, content, 0);
    const bytes = carried.length === 0 ? content : Buffer.concat([carried, content]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (; at + RECORD_HEADER_BYTES <= bytes.length && !behind.goesOn; at += 8) {
      const totalBytes = view.getUint32(at, true);
      if (totalBytes < RECORD_HEADER_BYTES || totalBytes > MAX_RECORD_BYTES) continue;
      const [low, high] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
      if (high < endHigh || (high === endHigh && low < endLow)) continue;
      // A record's predecessor lies before it. The carried bytes make this place seem a little later than it is, which
      // is near enough.
      if (((BigInt(high) << 32n) | BigInt(low)) >= contentLsn + BigInt(at)) continue;
      const header = Buffer.from(bytes.subarray(at, at + RECORD_HEADER_BYTES));
      take({ leftBytes: totalBytes - RECORD_HEADER_BYTES, crc: 0, header }, bytes, at + RECORD_HEADER_BYTES);
    }
    carried = Buffer.from(bytes.subarray(at));
  }

  function take(candidate: Candidate, bytes: Uint8Array, at: number): void {
    const taken = Math.min(candidate.leftBytes, bytes.length - at);
    candidate.crc = checksum(bytes, at, at + taken, candidate.crc);
    candidate.leftBytes -= taken;
    if (candidate.leftBytes > 0) unfinished.push(candidate);
    else if (checksum(candidate.header, 0, 20, candidate.crc) === candidate.header.readUInt32LE(20))
      behind.goesOn = true;
  }

  return behind;
}
