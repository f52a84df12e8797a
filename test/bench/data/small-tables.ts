import type { Bench } from '../bench.ts';
import { type ReadyBucket, readyBucket } from './bucket-cache.ts';
import { BARMAN_ARCHIVE, type Content, PGBACKREST_ARCHIVE, startSource } from './source.ts';

export interface SmallTables extends Content {
  barmanId: string;
}

/** Very many small tables with a primary key each, as three repositories in one bucket. */
export function smallTables(bench: Bench): Promise<ReadyBucket<SmallTables>> {
  const sizes = bench.sizes.smallTables;
  async function make(bucket: string): Promise<SmallTables> {
    const source = await startSource(bench, bucket);
    try {
      // Each in a transaction of its own: all of them together hold more locks than a server has room for.
      await source.exec(`psql -XAtq -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
        select format('create table t_%s as select n as id, n * 7 as value from generate_series(1, 100) n;'
        ' alter table t_%s add primary key (id)', t, t)
          from generate_series(1, ${sizes.tables}) t \\gexec
SQL`);
      const content = await source.content();
      await source.baseBackup();
      await source.archiveWith(BARMAN_ARCHIVE(bucket));
      const barmanId = await source.barmanBackup();
      await source.archiveWith(PGBACKREST_ARCHIVE);
      await source.pgbackrestBackup();
      return { ...content, barmanId };
    } finally {
      await source.remove();
    }
  }
  return readyBucket(bench, { name: 'small', file: new URL(import.meta.url).pathname, sizes, make });
}
