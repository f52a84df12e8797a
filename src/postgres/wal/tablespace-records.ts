import { createRecordFinder, mainDataAt, type RecordFinder } from './wal-marks.ts';

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
