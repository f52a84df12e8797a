import { asOdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import {
  type ChangedCollation,
  collationNotes,
  collationsSql,
  DATABASE_NAMES_SQL,
  DATABASES_SQL,
  findChanged,
} from '../postgres/collation-versions.ts';
import type { ServiceDatabase } from './service-database.ts';

/**
 * Asks a promoted server whether text sorts there as it did on the original, and warns where versions say that it may not. Gives the warnings, which
 * name the commands to run. Not being able to ask is a warning too: the restore itself is sound.
 */
export async function checkCollations(database: Pick<ServiceDatabase, 'query'>, report: Report): Promise<string[]> {
  const notes = await findNotes(database).catch((error: unknown) => [
    `whether text sorts as on the original could not be found out: ${asOdoError(error).message}`,
  ]);
  for (const message of notes) report({ type: 'note', level: 'warning', message });
  return notes;
}

async function findNotes(database: Pick<ServiceDatabase, 'query'>): Promise<string[]> {
  const [[major = '0'] = []] = await database.query("select current_setting('server_version_num')::int / 10000");
  const changed: ChangedCollation[] = [];
  if (Number(major) >= 15) {
    for (const { name, ...versions } of findChanged(await database.query(DATABASES_SQL)))
      changed.push({ database: name, ...versions });
  }
  for (const [name = ''] of await database.query(DATABASE_NAMES_SQL)) {
    for (const { name: collation, ...versions } of findChanged(await database.query(collationsSql(Number(major)), name))) {
      changed.push({ database: name, collation, ...versions });
    }
  }
  return collationNotes(changed);
}
