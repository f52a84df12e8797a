import { madeOnce } from './made-once.ts';
import { copyObjects } from './ready-repository.ts';
import { listKeys } from './s3.ts';
import { startSource } from './source-cluster.ts';

/**
 * Two barman repositories of one real PostgreSQL 15 server with a tablespace at /ts/cut: `whole/shop`, in which the
 * tablespace is in several tars, and `cut/shop`, which lacks the last of them. Nothing else tells them apart.
 */
export interface CutTablespace {
  bucket: string;
}

export function cutTablespace(): Promise<CutTablespace> {
  return madeOnce('cut-tablespace-15', ['cut-tablespace.ts', 'source-cluster.ts'], make);
}

async function make(bucket: string): Promise<CutTablespace> {
  // A vacuum would make further files, and what the last tar holds would be left to chance.
  const settings = { autovacuum: 'off' };
  const source = await startSource({ major: 15, bucket, prefix: 'whole', server: 'shop', settings });
  try {
    await source.exec(['sh', '-c', 'mkdir -p /ts/cut && chown postgres /ts/cut'], 'root');
    await source.sql("create tablespace cut location '/ts/cut'");
    // What does not compress makes a tar full; each table is enough for that.
    const columns = Array.from({ length: 8 }, (_, at) => `gen_random_uuid() as c${at}`).join(', ');
    for (const table of ['orders', 'invoices'])
      await source.sql(`create table ${table} tablespace cut as select ${columns} from generate_series(1, 10000)`);
    await source.sql('checkpoint');
    await source.barmanBackup('--max-archive-size', '1MB');
    await source.archiveAll();
    const tars = (await listKeys(bucket, 'whole/shop/base/')).filter((key) => /\/\d+(_\d+)?\.tar\.gz$/.test(key));
    if (tars.length < 2) throw new Error(`the tablespace should have several tars, and has ${tars}`);
    const last = tars.sort().at(-1);
    await copyObjects({ bucket, prefix: 'whole/' }, { bucket, prefix: 'cut/' }, (key) => key !== last);
    return { bucket };
  } finally {
    await source.remove();
  }
}
