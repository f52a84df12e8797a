import { OdoError } from '../../errors.ts';
import type { CheckedCollations } from './check-collations.ts';
import type { ServiceDatabase } from './service-database.ts';

/** pg_amcheck's exit status when it ran and found something. */
const CORRUPTION_FOUND = 2;

const OUT_OF_ORDER =
  'pg_amcheck found the tables sound, and indexes that are not, as is to be expected where text sorts in ' +
  'another order: run it again after the REINDEX';

/** pg_amcheck reads every table and index. */
const TIMEOUT_MS = 24 * 3600 * 1000;

/**
 * Checks all tables and indexes of a promoted server with pg_amcheck. Where text sorts in another order than on the
 * original, indexes are out of order without any damage. Gives a note then, and when the image has no pg_amcheck or it
 * could not run. The extension that it needs is taken out again where it was not before.
 * Errors: `dataCorrupt` for other damage that pg_amcheck finds.
 */
export async function runAmcheck(
  database: Pick<ServiceDatabase, 'query' | 'runClient'>,
  collations: Pick<CheckedCollations, 'haveChanged'>,
): Promise<string | undefined> {
  const names = (await database.query('select datname from pg_database where datallowconn')).flat();
  const found = await Promise.all(
    names.map((name) => database.query("select 1 from pg_extension where extname = 'amcheck'", name)),
  );
  const without = names.filter((_, index) => found[index]?.length === 0);
  const check = (...more: string[]) => database.runClient('pg_amcheck', ['--all', ...more], TIMEOUT_MS);
  let outcome = await check('--install-missing');
  const mayBeOrder = outcome?.exitCode === CORRUPTION_FOUND && collations.haveChanged;
  if (mayBeOrder) outcome = await check('--no-dependent-indexes');
  if (!outcome) return 'the image has no pg_amcheck, so the restored tables and indexes were not checked by it';
  for (const name of without) await database.query('drop extension if exists amcheck', name);
  if (outcome.exitCode === 0) return mayBeOrder ? OUT_OF_ORDER : undefined;
  const words = (outcome.stdout || outcome.stderr).trim().split('\n');
  if (outcome.exitCode !== CORRUPTION_FOUND) return `pg_amcheck could not check everything: ${words[0]}`;
  throw new OdoError('dataCorrupt', `pg_amcheck found damage:\n  ${words.slice(0, 6).join('\n  ')}`, {
    hint: 'indexes can be built anew with REINDEX; for tables try an older backup with --backup',
  });
}
