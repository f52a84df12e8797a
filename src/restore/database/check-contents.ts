import { DATABASE_NAMES_SQL } from '../../postgres/files/collation-versions.ts';
import type { ServiceDatabase } from './service-database.ts';
import { unlessCancelled } from './unless-cancelled.ts';

/**
 * Finds what the connected database needs beside its data: `library` and a C function's file, or `extension` and its
 * name. The server's own functions have numbers below 16384.
 */
const NEEDS_SQL = `select 'library', probin
  from (select distinct probin from pg_proc where probin is not null and oid >= 16384) functions
  union all select 'extension', extname from pg_extension where extname = 'pg_cron'`;

/**
 * Subscriptions that take changes from their publishers from now on, with their database. A connection string may hold
 * a password, so it is not asked for.
 */
const SUBSCRIPTIONS_SQL = `select subname, datname from pg_subscription join pg_database on pg_database.oid = subdbid
  where subenabled and current_setting('max_logical_replication_workers')::int > 0 order by 2, 1`;

/** Active jobs of pg_cron, which has to be loaded for them. */
const JOBS_SQL = `select count(*) from cron.job where active
  and current_setting('shared_preload_libraries') ~ '\\mpg_cron\\M'
  and lower(current_setting('cron.launch_active_jobs', true)) is distinct from 'off'`;

/** How many are named one by one. */
const NAMED = 5;

/** Facts of the server that has been promoted. */
export interface PromotedFacts {
  /** The libraries of the server's image, without `.so`. Not given when they are not known. */
  libraries?: readonly string[] | undefined;
  /** A copy beside the service: its command line keeps it from subscribing and from running jobs. */
  isCopy: boolean;
}

/**
 * Asks a promoted server for what its data brings along: functions whose libraries the image lacks, and subscriptions
 * and scheduled jobs, which work from now on. Gives notes. Not being able to ask is a note, too, since the restore
 * itself is sound.
 * Errors: `cancelled`.
 */
export async function checkContents(database: Pick<ServiceDatabase, 'query'>, facts: PromotedFacts): Promise<string[]> {
  try {
    const [subscriptions, names] = await Promise.all([
      facts.isCopy ? [] : database.query(SUBSCRIPTIONS_SQL),
      database.query(DATABASE_NAMES_SQL),
    ]);
    const woken = subscriptionNotes(subscriptions);
    const lacking = new Map<string, string[]>();
    const needsOfAll = await Promise.all(names.map(([name]) => database.query(NEEDS_SQL, name)));
    for (const [index, [name = '']] of names.entries()) {
      const needs = needsOfAll[index] ?? [];
      const libraries = needs.flatMap(([kind, file = '']) => (kind === 'library' ? libraryOf(file) : []));
      for (const library of libraries) {
        if (facts.libraries && !facts.libraries.includes(library))
          lacking.set(library, [...(lacking.get(library) ?? []), name]);
      }
      if (facts.isCopy || !needs.some(([kind]) => kind === 'extension')) continue;
      const [[jobs = '0'] = []] = await database.query(JOBS_SQL, name);
      woken.push(...jobNotes(Number(jobs), name));
    }
    return [...libraryNotes(lacking), ...woken];
  } catch (error) {
    return [
      'whether functions lack their libraries, and whether subscriptions or jobs work from now on, could not ' +
        `be found out: ${unlessCancelled(error).message}`,
    ];
  }
}

/** Libraries in a place of their own are not judged. */
function libraryOf(file: string): string[] {
  const [, name] = /^(?:\$libdir\/)?([^/]+?)(?:\.so)?$/.exec(file) ?? [];
  return name === undefined ? [] : [name];
}

function libraryNotes(lacking: ReadonlyMap<string, string[]>): string[] {
  if (lacking.size === 0) return [];
  const named = [...lacking].map(([library, databases]) => `${library} (database ${databases.join(', ')})`);
  return [
    `functions need libraries that the service's image lacks, and fail when they are called: ` +
      `${named.join('; ')}; use an image that has the extensions of the original's`,
  ];
}

function subscriptionNotes(rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const named = rows.slice(0, NAMED).map(([name, database]) => `${name} (database ${database})`);
  const more = rows.length > NAMED ? ` and ${rows.length - NAMED} more` : '';
  const [what, which] =
    rows.length === 1 ? ['a subscription is', 'it takes'] : [`${rows.length} subscriptions are`, 'they take'];
  return [
    `${what} enabled, and ${which} changes from the publisher's slot, which the original may be using: ` +
      `${named.join(', ')}${more}; ALTER SUBSCRIPTION … DISABLE ends that, and a restore with --set ` +
      'max_logical_replication_workers=0 keeps it from beginning',
  ];
}

function jobNotes(jobs: number, database: string): string[] {
  if (jobs === 0) return [];
  return [
    `pg_cron runs ${jobs} active ${jobs === 1 ? 'job' : 'jobs'} of database ${database} from now on; a ` +
      'restore with --set cron.launch_active_jobs=off keeps them from beginning',
  ];
}
