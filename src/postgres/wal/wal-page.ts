import { majorOfWalPage } from '../terms/versions.ts';
import { formatLsn } from '../terms/wal-names.ts';

/** What the first page of a WAL segment tells of the server that wrote it. */
export interface WalPageHeader {
  postgresMajor: number;
  timeline: number;
  /** Where in the WAL the page begins. */
  pageLsn: string;
  /** A 64-bit number as decimal text. */
  systemIdentifier: string;
  segmentSizeBytes: number;
  /** XLOG_BLCKSZ of the server, 8192 unless it was built otherwise. */
  blockSizeBytes: number;
}

/** How many bytes readWalPageHeader wants. */
export const WAL_PAGE_HEADER_BYTES = 40;

const LONG_HEADER = 0x0002;

/**
 * Reads the long header that only the first page of each segment has; undefined when this is none, or of a version
 * unknown here. Source: PostgreSQL, src/include/access/xlog_internal.h (XLogLongPageHeaderData), the same from 12 to
 * 19.
 */
export function readWalPageHeader(page: Uint8Array): WalPageHeader | undefined {
  const postgresMajor = majorOfWalPage(page);
  if (postgresMajor === undefined || page.length < WAL_PAGE_HEADER_BYTES) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if ((view.getUint16(2, true) & LONG_HEADER) === 0) return undefined;
  return {
    postgresMajor,
    timeline: view.getUint32(4, true),
    pageLsn: formatLsn(view.getBigUint64(8, true)),
    systemIdentifier: view.getBigUint64(24, true).toString(),
    segmentSizeBytes: view.getUint32(32, true),
    blockSizeBytes: view.getUint32(36, true),
  };
}
