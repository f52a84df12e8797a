import { heapRows } from './heap-page.ts';

/** A database as a page of pg_database has it. */
export interface CatalogDatabase {
  oid: number;
  name: string;
  collate: string;
  ctype: string;
  /**
   * The collations are those of the system's C library, not ICU's or PostgreSQL's own. Before PostgreSQL 15 all are.
   */
  isLibc: boolean;
  allowsConnections: boolean;
}

/** Fixed OIDs of shared catalogues. Source: PostgreSQL, src/include/catalog/pg_database.h and pg_subscription.h */
export const PG_DATABASE_OID = 1262;
export const PG_SUBSCRIPTION_OID = 6100;

const MAP_MAGIC = 0x592717;

/**
 * The file of a shared catalogue in `global/`, from `global/pg_filenode.map`; the OID itself where the map does not
 * tell. Source: PostgreSQL, src/backend/utils/cache/relmapper.c (RelMapFile)
 */
export function fileOfCatalog(map: Uint8Array | undefined, oid: number): string {
  if (map === undefined || map.length < 8) return String(oid);
  const view = new DataView(map.buffer, map.byteOffset, map.byteLength);
  // The last digit of the magic number counts versions of the layout, whose beginning has stayed the same.
  if (Math.abs(view.getUint32(0, true) - MAP_MAGIC) > 8) return String(oid);
  const count = view.getUint32(4, true);
  for (let at = 8; at < 8 + count * 8 && at + 8 <= map.length; at += 8) {
    if (view.getUint32(at, true) === oid) return String(view.getUint32(at + 4, true));
  }
  return String(oid);
}

const PRINTABLE = /^[\w.@:+ -]{1,120}$/;

/**
 * The databases in the pages of pg_database of a backup, before its WAL has been replayed. Only rows that nobody has
 * begun to delete or replace count. A page that makes no sense is passed over. So each database given is there, but
 * some may be missing. Source: PostgreSQL, src/include/catalog/pg_database.h of 13 to 19
 */
export function readDatabases(pages: Uint8Array, pageBytes: number, major: number): CatalogDatabase[] {
  const databases: CatalogDatabase[] = [];
  for (const { data, isBorn, lives } of heapRows(pages, pageBytes)) {
    const database = isBorn && lives && data.length >= 100 ? readRow(data, major) : undefined;
    if (database) databases.push(database);
  }
  return databases;
}

function readRow(data: Uint8Array, major: number): CatalogDatabase | undefined {
  const oid = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const texts = major < 15 ? [nameAt(data, 76), nameAt(data, 140)] : varlenasAt(data, 96);
  const [collate, ctype] = texts;
  if (collate === undefined || ctype === undefined || !PRINTABLE.test(collate) || !PRINTABLE.test(ctype))
    return undefined;
  const isLibc = major < 15 || data[76] === 'c'.charCodeAt(0);
  return { oid, name: nameAt(data, 4), collate, ctype, isLibc, allowsConnections: data[major < 15 ? 205 : 78] === 1 };
}

/** A value of type name: 64 bytes, filled up with zeros. */
function nameAt(data: Uint8Array, at: number): string {
  const field = data.subarray(at, at + 64);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
}

/** Two values of type text, one after the other: short ones have a header of one byte, others of four, aligned. */
function varlenasAt(data: Uint8Array, start: number): [string?, string?] {
  const texts: string[] = [];
  let at = start;
  while (texts.length < 2 && at < data.length) {
    const first = data[at] ?? 0;
    if (first & 1) {
      const length = first >> 1;
      if (length < 1) return [];
      texts.push(Buffer.from(data.subarray(at + 1, at + length)).toString('utf8'));
      at += length;
      continue;
    }
    at = (at + 3) & ~3;
    if (at + 4 > data.length) return [];
    const length = new DataView(data.buffer, data.byteOffset).getUint32(at, true) >>> 2;
    if (length < 4 || length > 256) return [];
    texts.push(Buffer.from(data.subarray(at + 4, at + length)).toString('utf8'));
    at += length;
  }
  return texts as [string?, string?];
}
