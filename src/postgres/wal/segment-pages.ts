import { parseLsn } from '../terms/wal-names.ts';
import { readWalPageHeader } from './wal-page.ts';

export const PAGE_HEADER_BYTES = 24;
/** Of a segment's first page. */
export const LONG_PAGE_HEADER_BYTES = 40;

/** What the pages of a segment hold. */
export interface Pages {
  startLsn: bigint;
  segmentBytes: number;
  pageBytes: number;
  /** The content of the pages, without their headers. */
  content: Uint8Array;
  /** No page was left out: the next segment goes on where this one ends. */
  isWhole: boolean;
}

/**
 * Takes the headers off, up to the first page that is not of this segment. Behind a switch to the next segment there
 * are zeros, or an older segment's content.
 */
export function readPages(segment: Uint8Array): Pages | undefined {
  const header = readWalPageHeader(segment);
  if (!header || segment.length === 0) return undefined;
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const { blockSizeBytes: pageBytes, segmentSizeBytes } = header;
  const startLsn = view.getBigUint64(8, true);
  const magic = view.getUint16(0, true);
  const content = new Uint8Array(segment.length);
  let filled = 0;
  let at = 0;
  for (; at + pageBytes <= segment.length; at += pageBytes) {
    if (view.getUint16(at, true) !== magic || view.getBigUint64(at + 8, true) !== startLsn + BigInt(at)) break;
    const body = segment.subarray(at + (at === 0 ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES), at + pageBytes);
    content.set(body, filled);
    filled += body.length;
  }
  return {
    startLsn,
    segmentBytes: segmentSizeBytes,
    pageBytes,
    content: content.subarray(0, filled),
    isWhole: at === segment.length,
  };
}

/** The end of a segment without records: a header may begin there whose bytes from 16 on lie in the next segment. */
export function endOf(segment: Uint8Array): { rest: Uint8Array; restLsn: bigint; nextLsn: bigint | undefined } {
  const header = readWalPageHeader(segment);
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const lastPageAt = header ? segment.length - header.blockSizeBytes : 0;
  const startLsn = header ? parseLsn(header.pageLsn) : 0n;
  if (!header || lastPageAt < 0 || view.getBigUint64(lastPageAt + 8, true) !== startLsn + BigInt(lastPageAt))
    return { rest: new Uint8Array(0), restLsn: 0n, nextLsn: undefined };
  const nextLsn = startLsn + BigInt(segment.length);
  return { rest: segment.slice(-16), restLsn: nextLsn - 16n, nextLsn };
}

/**
 * The LSN that is `bytes` of content further on. At the very start of a segment, this counts from behind its header.
 */
export function advance(lsn: bigint, bytes: number, { pageBytes, segmentBytes }: Pages): bigint {
  const segmentStart = lsn - (lsn % BigInt(segmentBytes));
  let inSegment = Number(lsn - segmentStart);
  let left = bytes;
  for (;;) {
    const inPage = inSegment % pageBytes;
    const headerBytes = inSegment < pageBytes ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES;
    const from = Math.max(inPage, headerBytes);
    if (left < pageBytes - from) return segmentStart + BigInt(inSegment - inPage + from + left);
    left -= pageBytes - from;
    inSegment += pageBytes - inPage;
  }
}
