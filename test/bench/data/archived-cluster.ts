import type { Bench } from '../bench.ts';
import { type ReadyBucket, readyBucket } from './bucket-cache.ts';
import { BARMAN_ARCHIVE, BARMAN_SERVER, PGBACKREST_ARCHIVE, startSource } from './source.ts';

/** A barman backup with many segments behind it, which pgBackRest has archived too. */
export interface ArchivedCluster {
  barmanId: string;
  /** The only tar of the backup. */
  dataKey: string;
  /** DIGEST at the end of the archive. */
  digest: string;
  /** Names of the segments that follow the backup. */
  segments: string[];
}

export interface ArchivedSizes {
  scale: number;
  textRows: number;
  segments: number;
}

/** Tells how far a server has got. */
export const DIGEST = "select count(*) || ' ' || coalesce(sum(delta), 0) from pgbench_history";

/**
 * Written last of all, and empty: a row in it says that everything before was replayed and that the server takes
 * writes.
 */
export const MARKER = 'first_write';

/** Long updates fill segments quickly; between them runs pgbench's own transaction. */
const LOAD = `\\set aid random(1, 100000 * :scale - 1000)
update pgbench_accounts set abalance = abalance + 1 where aid between :aid and :aid + 1000;
`;

export function archivedCluster(
  bench: Bench,
  name: string,
  sizes: ArchivedSizes,
): Promise<ReadyBucket<ArchivedCluster>> {
  async function make(bucket: string): Promise<ArchivedCluster> {
    const source = await startSource(bench, bucket);
    try {
      await source.exec(`pgbench -q -i -s ${sizes.scale} -I dtGp postgres`);
      if (sizes.textRows > 0) await source.createText('letters', sizes.textRows);
      await source.sql('checkpoint');
      await source.exec('pgbackrest stanza-create');
      await source.archiveWith(`${BARMAN_ARCHIVE(bucket)} && ${PGBACKREST_ARCHIVE}`);
      const barmanId = await source.barmanBackup();
      await source.exec(`cat >/tmp/load.sql <<'SQL'\n${LOAD}SQL`);
      const segments: string[] = [];
      while (segments.length < sizes.segments) {
        await source.exec(`pgbench -n -s ${sizes.scale} -c 2 -t 60 -f /tmp/load.sql@1 -b tpcb-like@1 postgres`);
        if (segments.length === sizes.segments - 1) await source.sql(`create table ${MARKER} (at timestamptz)`);
        segments.push(await source.sql('select pg_walfile_name(pg_switch_wal())'));
      }
      await source.archiveAll();
      const dataKey = `barman/${BARMAN_SERVER}/base/${barmanId}/data.tar.gz`;
      return { barmanId, dataKey, digest: await source.sql(DIGEST), segments };
    } finally {
      await source.remove();
    }
  }
  return readyBucket(bench, { name, file: new URL(import.meta.url).pathname, sizes, make });
}
