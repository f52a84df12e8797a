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

/** Names of all databases, for servers that record no versions: every database is looked into. */
export const DATABASE_NAMES_SQL = 'select datname from pg_database where datallowconn and not datistemplate';

/**
 * Collations of the connected database that something in it sorts by. On servers that do not record the version of the
 * database's own collation, its namesake is among them. Columns as in DATABASES_SQL. A C library without versions tells
 * none, which says nothing where none was recorded either.
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

/** Notes for the person, one for each database: what has changed, and what to run. */
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
 * SQL that makes the server take today's order for the recorded one. The server can refresh a version, but not from or
 * to none ("invalid collation version change"). It then warns at every connection, and only an update of its catalogues
 * helps.
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
