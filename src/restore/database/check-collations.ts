import type { Report } from '../../events.ts';
import {
  type ChangedCollation,
  collationNotes,
  collationsSql,
  DATABASE_NAMES_SQL,
  DATABASES_SQL,
  findChanged,
} from '../../postgres/files/collation-versions.ts';
import type { ServiceDatabase } from './service-database.ts';
import { unlessCancelled } from './unless-cancelled.ts';

/** Whether text sorts as on the original. */
export interface CheckedCollations {
  /**
   * Text may sort otherwise than on the original, as far as versions tell. False also when they could not be asked for.
   */
  haveChanged: boolean;
  /** Warnings, which name the commands to run. */
  notes: string[];
}

/**
 * Asks a promoted server whether text sorts there as it did on the original, and warns where versions say that it may
 * not. Not being able to ask is a warning too: the restore itself is sound.
 */
export async function checkCollations(
  database: Pick<ServiceDatabase, 'query'>,
  report: Report,
): Promise<CheckedCollations> {
  const checked = await findChanges(database).catch((error: unknown) => ({
    haveChanged: false,
    notes: [`whether text sorts as on the original could not be found out: ${unlessCancelled(error).message}`],
  }));
  for (const message of checked.notes) report({ type: 'note', level: 'warning', message });
  return checked;
}

async function findChanges(database: Pick<ServiceDatabase, 'query'>): Promise<CheckedCollations> {
  const [[[version = '0'] = []], names] = await Promise.all([
    database.query("select current_setting('server_version_num')::int / 10000"),
    database.query(DATABASE_NAMES_SQL),
  ]);
  const major = Number(version);
  const [own, ...others] = await Promise.all([
    major >= 15 ? database.query(DATABASES_SQL) : [],
    ...names.map(([name]) => database.query(collationsSql(major), name)),
  ]);
  const changed: ChangedCollation[] = findChanged(own).map(({ name, ...versions }) => ({
    database: name,
    ...versions,
  }));
  for (const [index, [name = '']] of names.entries()) {
    for (const { name: collation, ...versions } of findChanged(others[index] ?? [])) {
      changed.push({ database: name, collation, ...versions });
    }
  }
  return { haveChanged: changed.length > 0, notes: collationNotes(changed) };
}
