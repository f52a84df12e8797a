import type { ServiceDatabase } from './service-database.ts';

/**
 * A prepared transaction. It is part of the data: it holds its locks until somebody ends it, and the server needs room
 * for it at each start.
 */
export interface PreparedTransaction {
  gid: string;
  owner: string;
  database: string;
  /** When it was prepared, as the server spells it. */
  preparedAt: string;
}

const SQL = "select gid, owner, database, date_trunc('second', prepared) from pg_prepared_xacts order by prepared";

/** How many are named one by one. */
const NAMED = 5;

/** Asks a promoted server for its prepared transactions; undefined when it does not answer. */
export async function askPrepared(
  database: Pick<ServiceDatabase, 'query'>,
): Promise<PreparedTransaction[] | undefined> {
  const rows = await database.query(SQL).catch(() => undefined);
  return rows?.map(([gid = '', owner = '', database = '', preparedAt = '']) => ({ gid, owner, database, preparedAt }));
}

/** Notes on prepared transactions, for the person. */
export function preparedNotes(prepared: readonly PreparedTransaction[]): string[] {
  if (prepared.length === 0) return [];
  const named = prepared
    .slice(0, NAMED)
    .map(({ gid, owner, database, preparedAt }) => `'${gid}' of ${owner} in ${database}, since ${preparedAt}`);
  const more = prepared.length > NAMED ? `, and ${prepared.length - NAMED} more` : '';
  const count = prepared.length === 1 ? 'a transaction is' : `${prepared.length} transactions are`;
  return [
    `${count} prepared and neither committed nor rolled back: ${named.join('; ')}${more}; COMMIT PREPARED or ` +
      'ROLLBACK PREPARED ends one. Until then the server needs max_prepared_transactions at each start, which ' +
      'stays as high as the recovery had it',
  ];
}
