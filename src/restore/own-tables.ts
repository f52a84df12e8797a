import fs from 'node:fs';
import path from 'node:path';

/** From here on PostgreSQL numbers what users make. Source: PostgreSQL, src/include/access/transam.h (FirstNormalObjectId). */
const FIRST_OF_USERS = 16_384;
/** The file of pg_largeobject, which has its number in every cluster until somebody rewrites it. Source: PostgreSQL, pg_largeobject.h. */
const LARGE_OBJECTS = '2613';

/**
 * Whether a data directory holds anything but what initdb makes, and an image's entry point after it: a table, an index, a large object, a
 * tablespace. What cannot be read is an error of the file system's.
 */
export function hasOwnTables(dataDirectory: string): boolean {
  if (namesIn(path.join(dataDirectory, 'pg_tblspc')).length > 0) return true;
  const base = path.join(dataDirectory, 'base');
  return namesIn(base).some((database) => /^\d+$/.test(database) && hasOwnFiles(path.join(base, database)));
}

/** It stops at the first: there may be millions. */
function hasOwnFiles(database: string): boolean {
  const directory = fs.opendirSync(database);
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
      const [number] = /^\d+/.exec(entry.name) ?? [];
      if (number !== undefined && Number(number) >= FIRST_OF_USERS) return true;
      if (entry.name === LARGE_OBJECTS && fs.statSync(path.join(database, LARGE_OBJECTS)).size > 0) return true;
    }
    return false;
  } finally {
    directory.closeSync();
  }
}

function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
