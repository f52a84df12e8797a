import { asOdoError, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { ServiceDatabase } from './service-database.ts';
import { unlessCancelled } from './unless-cancelled.ts';

/** Databases that can be connected to, templates too. A limit of -2 marks one that was being dropped. */
const DATABASES_SQL = 'select datname from pg_database where datallowconn and datconnlimit <> -2';

/**
 * Files of the connected database's relations that are not there, each with its relation. A relation lies in segments:
 * `16384`, `16384.1` and so on. So the segments before the last one that is there have to be there, too. How many there
 * should be, the catalogues do not tell.
 *
 * Left out is what need not have a file: relations without storage, temporary ones, tables of another access method
 * than heap (2), and in recovery unlogged relations, which get theirs at its end. A relation that is dropped meanwhile
 * has no path.
 */
const MISSING_SQL = `with relation as materialized (
    select quote_ident(nspname) || '.' || quote_ident(relname) as name, pg_relation_filepath(c.oid) as path
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where (relkind in ('i', 'S') or relkind in ('r', 't', 'm') and relam = 2)
      and (relpersistence = 'p' or relpersistence = 'u' and not pg_is_in_recovery())),
  segmented as (
    select directory || '/' || split_part(name, '.', 1) as path, max(split_part(name, '.', 2)::int) as last
    from (select distinct regexp_replace(path, '/[^/]*$', '') as directory from relation where path is not null) d,
      pg_ls_dir(directory, true, false) name
    where name ~ '^[0-9]+[.][0-9]{1,6}$' group by 1)
  select file, translate(name, chr(9) || chr(10), '  ')
  from relation left join segmented using (path),
    lateral (select path union all select path || '.' || n from generate_series(1, last - 1) n) files (file)
  where path is not null and (pg_stat_file(file, true)).size is null`;

/** How many are named one by one. */
const NAMED = 5;

/** A relation that lacks files. */
interface Lacking {
  /** For a person, such as `public.orders in database shop`. */
  relation: string;
  /** Below the data directory. */
  files: string[];
}

/**
 * Demands that every relation has its files. A server comes up without them, and misses each only when it is read.
 * Reports and gives notes on databases that could not be asked.
 * Errors: `dataCorrupt` when files are missing; `cancelled`.
 */
export async function checkRelationFiles(database: Pick<ServiceDatabase, 'query'>, report: Report): Promise<string[]> {
  const { lacking, notes } = await findLacking(database);
  for (const message of notes) report({ type: 'note', level: 'warning', message });
  if (lacking.length > 0) throw relationsLackFiles(lacking);
  return notes;
}

async function findLacking(database: Pick<ServiceDatabase, 'query'>): Promise<{ lacking: Lacking[]; notes: string[] }> {
  let names: string[];
  try {
    names = (await database.query(DATABASES_SQL)).map(([name = '']) => name);
  } catch (error) {
    return { lacking: [], notes: [unasked('every relation', error)] };
  }
  const answers = await Promise.all(
    names.map((name) => missingIn(database, name).catch((error: unknown) => asOdoError(error))),
  );
  // Catalogues that all databases share are found in each of them.
  const relationOf = new Map<string, string>();
  const silent: string[] = [];
  let because: OdoError | undefined;
  for (const [index, name] of names.entries()) {
    const answer = answers[index] ?? [];
    if (answer instanceof OdoError) {
      silent.push(name);
      because ??= answer;
      continue;
    }
    for (const [file = '', relation = ''] of answer) relationOf.set(file, `${relation} in database ${name}`);
  }
  const lacking = new Map<string, Lacking>();
  for (const [file, relation] of relationOf) {
    const one = lacking.get(relation) ?? { relation, files: [] };
    lacking.set(relation, one);
    one.files.push(file);
  }
  const where = `every relation of database ${firstOf(silent, ', ')}`;
  return { lacking: [...lacking.values()], notes: because ? [unasked(where, because)] : [] };
}

/** Asks a second time for what is missing: a relation that was being dropped is gone by then. */
async function missingIn(database: Pick<ServiceDatabase, 'query'>, name: string): Promise<string[][]> {
  const first = await database.query(MISSING_SQL, name);
  if (first.length === 0) return [];
  const files = new Set(first.map(([file]) => file));
  return (await database.query(MISSING_SQL, name)).filter(([file]) => files.has(file));
}

function relationsLackFiles(lacking: readonly Lacking[]): OdoError {
  const named = lacking.map(({ relation, files }) => `${relation} (${firstOf(files, ', ')})`);
  const what = lacking.length === 1 ? 'a relation lacks files' : `${lacking.length} relations lack files`;
  return new OdoError('dataCorrupt', `the restored server came up, but ${what}: ${firstOf(named, '; ')}`, {
    hint:
      'the backup does not hold them, as when the last tar of a tablespace is gone; indexes can be built anew with ' +
      'REINDEX; for tables try an older backup with --backup',
  });
}

function firstOf(words: readonly string[], comma: string): string {
  const more = words.length > NAMED ? `${comma}and ${words.length - NAMED} more` : '';
  return `${words.slice(0, NAMED).join(comma)}${more}`;
}

function unasked(what: string, error: unknown): string {
  return `whether ${what} has its files could not be found out: ${unlessCancelled(error).message}`;
}
