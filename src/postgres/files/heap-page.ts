/** A row as a page has it, whoever may see it. */
export interface HeapRow {
  /** The row's columns, from the first one. */
  data: Uint8Array;
  /** The transaction that made the row has not been seen to have failed. */
  isBorn: boolean;
  /** Nobody has begun to delete or replace the row, or that transaction has been seen to have failed. */
  lives: boolean;
}

const PAGE_HEADER_BYTES = 24;
const ROW_HEADER_BYTES = 23;
const LP_NORMAL = 1;
const HEAP_XMAX_LOCK_ONLY = 0x0080;
const HEAP_XMIN_COMMITTED = 0x0100;
const HEAP_XMIN_INVALID = 0x0200;
const HEAP_XMAX_INVALID = 0x0800;

/**
 * The rows in the pages of a table, one after the other. A page, or a row, that makes no sense is passed over.
 * Source: PostgreSQL, src/include/storage/bufpage.h, storage/itemid.h, access/htup_details.h; the same in 13 to 19
 */
export function* heapRows(pages: Uint8Array, pageBytes: number): Generator<HeapRow> {
  if (pageBytes < 1024) return;
  for (let at = 0; at + pageBytes <= pages.length; at += pageBytes) yield* rowsOf(pages.subarray(at, at + pageBytes));
}

function* rowsOf(page: Uint8Array): Generator<HeapRow> {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const lower = view.getUint16(12, true);
  if (lower < PAGE_HEADER_BYTES || lower > page.length) return;
  for (let at = PAGE_HEADER_BYTES; at + 4 <= lower; at += 4) {
    const pointer = view.getUint32(at, true);
    const offset = pointer & 0x7fff;
    const length = pointer >>> 17;
    if (((pointer >>> 15) & 3) !== LP_NORMAL || length < ROW_HEADER_BYTES || offset + length > page.length) continue;
    yield rowOf(page.subarray(offset, offset + length));
  }
}

function rowOf(row: Uint8Array): HeapRow {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const flags = view.getUint16(20, true);
  const isBorn = (flags & (HEAP_XMIN_COMMITTED | HEAP_XMIN_INVALID)) !== HEAP_XMIN_INVALID;
  const lives = view.getUint32(4, true) === 0 || (flags & (HEAP_XMAX_INVALID | HEAP_XMAX_LOCK_ONLY)) !== 0;
  return { data: row.subarray(row[22] ?? 0), isBorn, lives };
}
