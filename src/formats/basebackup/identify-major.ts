import { majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { readWalPageHeader, WAL_PAGE_HEADER_BYTES } from '../../postgres/wal/wal-page.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { Backup } from '../contract/format.ts';
import { readTarHead } from './tar-head.ts';

/**
 * The PostgreSQL major version of a set, from the first PG_VERSION file in the first `maxBytes` of base.tar (each
 * database's folder has one, too), or from a WAL segment there; undefined when neither comes so early.
 */
export async function identifyMajor(
  store: ObjectStore,
  backup: Backup,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const base = backup.parts.find(({ role }) => role === 'base');
  if (!base) return undefined;
  const options = { maxBytes, contentBytes: WAL_PAGE_HEADER_BYTES, signal };
  for await (const { name, content } of readTarHead(store, base, options)) {
    if (name === 'PG_VERSION' || name.endsWith('/PG_VERSION')) return majorOfPgVersionFile(content.toString('utf8'));
    const page = name.startsWith('pg_wal/') ? readWalPageHeader(content) : undefined;
    if (page) return page.postgresMajor;
  }
  return undefined;
}
