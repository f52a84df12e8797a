/** A collation whose provider sorts by other rules than when the version was recorded, as far as versions tell. */
export interface ChangedCollation {
  database: string;
  /** `schema.name`, quoted; undefined for the database's own. */
  collation?: string;
  /** `libc`, `icu` or `builtin`. */
  provider: string;
  /** Absent where the recording C library had no version to tell, as musl has none. */
  recorded?: string;
  actual?: string;
}

/**
 * Databases that can be connected to, with the version of their own collation. C and POSIX sort by bytes, whatever the
 * library. Columns: name, provider, recorded version, actual version. For PostgreSQL 15 and newer, which records them.
 */
export const DATABASES_SQL = `select datname,
  case datlocprovider when 'c' then 'libc' when 'i' then 'icu' else 'builtin' end,
  coalesce(datcollversion, ''), coalesce(pg_database_collation_actual_version(oid), '')
  from pg_database
  where datallowconn and not (datlocprovider = 'c' and datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8'))`;

/** The same for servers that record none: every database is looked into. */
export const DATABASE_NAMES_SQL = 'select datname from pg_database where datallowconn and not datistemplate';

/**
 * Collations of the connected database that something of it sorts by, on servers that do not record the database's own
 * also that one's namesake. Columns as above. A C library without versions tells none, which says nothing where none
 * was recorded either.
 */
export function collationsSql(major: number): string {
  const ownNamesake =
    major >= 15 ? '' : 'or c.collcollate = (select datcollate from pg_database where datname = current_database())';
  return `select quote_ident(n.nspname) || '.' || quote_ident(c.collname),
  case c.collprovider when 'c' then 'libc' when 'i' then 'icu' else 'builtin' end,
  coalesce(c.collversion, ''), coalesce(pg_collation_actual_version(c.oid), '')
  from pg_collation c join pg_namespace n on n.oid = c.collnamespace
  where c.collprovider in ('c', 'i') and c.collcollate is distinct from 'C' and c.collcollate is distinct from 'POSIX'
  and (c.oid in (select attcollation from pg_attribute where attrelid >= 16384 and attnum > 0 and not attisdropped)
    or c.oid in (select unnest(indcollation) from pg_index where indrelid >= 16384) ${ownNamesake})`;
}

/** Keeps the rows (name, provider, recorded, actual) whose two versions differ. */
export function findChanged(
  rows: readonly (readonly string[])[],
): { name: string; provider: string; recorded?: string; actual?: string }[] {
  return rows.flatMap(([name = '', provider = '', recorded = '', actual = '']) =>
    recorded === actual ? [] : [{ name, provider, ...(recorded ? { recorded } : {}), ...(actual ? { actual } : {}) }],
  );
}

/** What the person should know and run, one note for each database. */
export function collationNotes(changed: readonly ChangedCollation[]): string[] {
  const databases = [...new Set(changed.map(({ database }) => database))];
  return databases.map((database) => {
    const own = changed.filter((one) => one.database === database);
    const what = own.map((one) => `${one.collation ?? 'its own collation'} ${versionWords(one)}`).join(', ');
    const refresh = own.map(noteVersionSql);
    const commands = [`REINDEX DATABASE ${quoteIdentifier(database)};`, ...refresh].join(' ');
    return (
      `in database ${database} text may sort in another order than on the original (${what}), so indexes on ` +
      `text may be wrong; run in it: ${commands}`
    );
  });
}

/**
 * What makes the server take the order of today for the recorded one. It refreshes a version, but refuses to do so from
 * or to none ("invalid collation version change"), and then warns at every connection: only its catalogues can be told.
 */
function noteVersionSql({ database, collation, recorded, actual }: ChangedCollation): string {
  const isRefreshable = recorded !== undefined && actual !== undefined;
  if (collation === undefined) {
    if (isRefreshable) return `ALTER DATABASE ${quoteIdentifier(database)} REFRESH COLLATION VERSION;`;
    return (
      'UPDATE pg_database SET datcollversion = pg_database_collation_actual_version(oid) WHERE datname = ' +
      `${quoteLiteral(database)};`
    );
  }
  if (isRefreshable) return `ALTER COLLATION ${collation} REFRESH VERSION;`;
  return (
    'UPDATE pg_collation SET collversion = pg_collation_actual_version(oid) WHERE oid = ' +
    `${quoteLiteral(collation)}::regcollation;`
  );
}

function versionWords({ provider, recorded, actual }: ChangedCollation): string {
  const [from, to] = [recorded, actual].map((version) => `${provider} ${version ?? 'without versions (as musl)'}`);
  return `was made with ${from} and is now used with ${to}`;
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
