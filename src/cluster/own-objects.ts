import fs from 'node:fs';
import path from 'node:path';
import { heapRows } from '../postgres/files/heap-page.ts';

/**
 * The first number that PostgreSQL gives to an object of users. Source: PostgreSQL, src/include/access/transam.h
 * (FirstNormalObjectId).
 */
const FIRST_OF_USERS = 16_384;
/**
 * The file of pg_largeobject, which has its number in every cluster until somebody rewrites it.
 * Source: PostgreSQL, src/include/catalog/pg_largeobject.h
 */
const LARGE_OBJECTS = '2613';
/**
 * Catalogues of a database, whose rows begin with their object's number. pg_type has views and foreign tables as well.
 * Source: PostgreSQL, src/include/catalog, of 13 to 19
 */
const CATALOGS = [
  '826', // pg_default_acl
  '1247', // pg_type
  '1255', // pg_proc
  '1417', // pg_foreign_server
  '2328', // pg_foreign_data_wrapper
  '2605', // pg_cast
  '2607', // pg_conversion
  '2612', // pg_language
  '2615', // pg_namespace
  '2617', // pg_operator
  '2995', // pg_largeobject_metadata
  '3079', // pg_extension
  '3456', // pg_collation
  '3466', // pg_event_trigger
  '3600', // pg_ts_dict
  '3602', // pg_ts_config
  '6104', // pg_publication
];
/** Catalogues that all databases share: pg_authid, pg_subscription. Their rows begin with the object's number, too. */
const SHARED_CATALOGS = ['1260', '6100'];
/** How much of a catalogue is read at a time: a multiple of every size that pages have. */
const SLICE_BYTES = 1_048_576;

/**
 * Whether a data directory holds anything but what initdb, and an image's entry point after it, make: a table, an
 * index, a large object, a tablespace. Also a view, a type, a function, a role and the like, as far as the server has
 * written it to its files. Databases with nothing in them do not count, since the entry point makes one. Throws the
 * file system's error for what cannot be read.
 */
export function holdsOwnObjects(dataDirectory: string, blockBytes: number): boolean {
  if (namesIn(path.join(dataDirectory, 'pg_tblspc')).length > 0) return true;
  const base = path.join(dataDirectory, 'base');
  const databases = namesIn(base).filter((name) => /^\d+$/.test(name));
  return (
    hasOwnIn(path.join(dataDirectory, 'global'), SHARED_CATALOGS, blockBytes) ||
    databases.some((database) => hasOwnIn(path.join(base, database), CATALOGS, blockBytes))
  );
}

/** Stops at the first such file: there may be millions. A catalogue that was rewritten has a number of the users'. */
function hasOwnIn(folder: string, catalogs: readonly string[], blockBytes: number): boolean {
  if (!fs.existsSync(folder)) return false;
  const directory = fs.opendirSync(folder);
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
      const [number] = /^\d+/.exec(entry.name) ?? [];
      if (number !== undefined && Number(number) >= FIRST_OF_USERS) return true;
      const file = path.join(folder, entry.name);
      if (entry.name === LARGE_OBJECTS && fs.statSync(file).size > 0) return true;
      if (catalogs.includes(entry.name) && hasOwnRow(file, blockBytes)) return true;
    }
    return false;
  } finally {
    directory.closeSync();
  }
}

/**
 * Whether a catalogue has a row of the users'. A deleted row counts until it is vacuumed away: the page need not tell
 * whether the deletion was committed.
 */
function hasOwnRow(catalog: string, blockBytes: number): boolean {
  const file = fs.openSync(catalog, 'r');
  try {
    const slice = Buffer.alloc(SLICE_BYTES);
    for (let length = fs.readSync(file, slice); length > 0; length = fs.readSync(file, slice)) {
      for (const { data, isBorn } of heapRows(slice.subarray(0, length), blockBytes)) {
        if (isBorn && data.length >= 4 && numberOf(data) >= FIRST_OF_USERS) return true;
      }
    }
    return false;
  } finally {
    fs.closeSync(file);
  }
}

function numberOf(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
}

function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
