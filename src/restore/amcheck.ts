import { OdoError } from '../errors.ts';
import type { ServiceDatabase } from './service-database.ts';

/** pg_amcheck's exit status when it ran and found something. */
const CORRUPTION_FOUND = 2;

/** It reads every table and index. */
const TIMEOUT_MS = 24 * 3600 * 1000;

/**
 * Checks all tables and indexes of a promoted server with pg_amcheck. What it finds is `dataCorrupt`. Gives a note when the image has no
 * pg_amcheck or it could not run. The extension that it needs is taken out again where it was not before.
 */
export async function runAmcheck(database: Pick<ServiceDatabase, 'query' | 'runClient'>): Promise<string | undefined> {
  const names = (await database.query('select datname from pg_database where datallowconn')).flat();
  const without: string[] = [];
  for (const name of names) {
    const rows = await database.query("select 1 from pg_extension where extname = 'amcheck'", name);
    if (rows.length === 0) without.push(name);
  }
  const outcome = await database.runClient('pg_amcheck', ['--all', '--install-missing'], TIMEOUT_MS);
  if (!outcome) return 'the image has no pg_amcheck, so the restored tables and indexes were not checked by it';
  for (const name of without) await database.query('drop extension if exists amcheck', name);
  if (outcome.exitCode === 0) return undefined;
  const words = (outcome.stdout || outcome.stderr).trim().split('\n');
  if (outcome.exitCode !== CORRUPTION_FOUND) return `pg_amcheck could not check everything: ${words[0]}`;
  throw new OdoError('dataCorrupt', `pg_amcheck found damage:\n  ${words.slice(0, 6).join('\n  ')}`, {
    hint: 'indexes can be built anew with REINDEX; for tables try an older backup with --backup',
  });
}
