import { LONG_PAGE_HEADER_BYTES, PAGE_HEADER_BYTES } from './segment-pages.ts';
import { createRecordFinder, mainDataAt, type RecordFinder } from './wal-marks.ts';
import { readWalPageHeader } from './wal-page.ts';

/** A tablespace that WAL creates: replay makes its link, and needs its directory. */
export interface CreatedTablespace {
  oid: number;
  location: string;
}

const RM_TBLSPC = 5;
const CREATE = 0x00;
const OPERATION_MASK = 0xf0;
const RECORD_HEADER_BYTES = 24;

/**
 * Finds the records that create tablespaces, as wal-marks.ts finds marks. A tablespace in the data directory itself
 * (which only tests have) does not count. Source: PostgreSQL 13 to 19, src/include/commands/tablespace.h
 * (xl_tblspc_create_rec) and access/rmgrlist.h.
 */
export function createTablespaceFinder(): RecordFinder<CreatedTablespace> {
  return createRecordFinder({
    // An object id, a slash and the end of the text.
    fewestDataBytes: 4 + 2,
    mayHold,
    looksLike(bytes, at) {
      if (bytes[at + 17] !== RM_TBLSPC || bytes[at + 18] !== 0 || bytes[at + 19] !== 0) return false;
      return ((bytes[at + 16] as number) & OPERATION_MASK) === CREATE;
    },
    read(bytes, view, at, totalBytes) {
      const end = at + totalBytes;
      const dataAt = mainDataAt(bytes, at + RECORD_HEADER_BYTES, end);
      if (dataAt === undefined || dataAt + 4 > end) return undefined;
      const text = Buffer.from(bytes.subarray(dataAt + 4, end));
      const nul = text.indexOf(0);
      const location = text.toString('utf8', 0, nul < 0 ? text.length : nul);
      return location.startsWith('/') ? { oid: view.getUint32(dataAt, true), location } : undefined;
    },
  });
}

/** With one byte of location, and with MAXPGPATH and all headers that a record may have. */
const RECORD_BYTES = { fewest: 24 + 2 + 4 + 2, most: 1024 + 64 };
/** From a record's length to its operation, resource manager and padding. */
const TO_OPERATION_BYTES = 16;

/**
 * Records begin at multiples of eight, and page headers are such multiples long, so that the bytes from 16 on of a
 * record's header lie at one, too. A length tells the rest; it may lie at the end of the page before.
 */
function mayHold(segment: Uint8Array): boolean {
  const pageBytes = readWalPageHeader(segment)?.blockSizeBytes;
  if (pageBytes === undefined || segment.byteOffset % 4 !== 0) return true;
  const words = new Uint32Array(segment.buffer, segment.byteOffset, Math.floor(segment.length / 4));
  for (let index = 0; index < words.length; index += 2) {
    if (((words[index] as number) & 0xffff_fff0) !== RM_TBLSPC << 8) continue;
    const at = index * 4;
    const headerBytes = at < pageBytes ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES;
    const isSplit = (at % pageBytes) - headerBytes < TO_OPERATION_BYTES;
    const lengthAt = at - TO_OPERATION_BYTES - (isSplit ? headerBytes : 0);
    // It lies in the segment before.
    if (lengthAt < 0) return true;
    const lengthBytes = words[lengthAt / 4] as number;
    if (lengthBytes >= RECORD_BYTES.fewest && lengthBytes <= RECORD_BYTES.most) return true;
  }
  return false;
}
