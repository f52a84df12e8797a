import { setTimeout as sleep } from 'node:timers/promises';
import { madeOnce } from './made-once.ts';
import { startSource } from './source-cluster.ts';

/** Rows of table `late`, and how far they go. */
export const LATE_DIGEST =
  "select count(*) || ' ' || max(id) || ' ' || md5(string_agg(t::text, ',' order by id)) from late t";

/**
 * A barman backup of a real PostgreSQL 15 server (`late/shop`), after which a tablespace was created at /ts/late,
 * dropped, and created again. A table in it has an index, rows from before `moment`, and rows from after it.
 */
export interface LateTablespace {
  bucket: string;
  backupId: string;
  moment: string;
  atTheMoment: string;
  atTheEnd: string;
}

export function lateTablespace(): Promise<LateTablespace> {
  return madeOnce('late-tablespace-15', ['late-tablespace.ts', 'source-cluster.ts'], make);
}

async function make(bucket: string): Promise<LateTablespace> {
  const source = await startSource({ major: 15, bucket, prefix: 'late', server: 'shop' });
  try {
    await source.exec(['sh', '-c', 'mkdir -p /ts/late && chown postgres /ts/late'], 'root');
    const backupId = await source.barmanBackup();
    await source.sql("create tablespace once location '/ts/late'");
    await source.sql('create table gone tablespace once as select n from generate_series(1, 500) n');
    await source.sql('drop table gone');
    await source.sql('drop tablespace once');
    await source.sql("create tablespace late location '/ts/late'");
    await source.sql('create table late (id int primary key using index tablespace late, what text) tablespace late');
    const insert = (from: number) =>
      source.sql(`insert into late select n, md5(n::text) from generate_series(${from}, ${from + 999}) n`);
    await insert(1);
    const atTheMoment = await source.sql(LATE_DIGEST);
    await sleep(50);
    const moment = await source.sql(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    );
    await sleep(50);
    await insert(1001);
    await source.archiveAll();
    return { bucket, backupId, moment, atTheMoment, atTheEnd: await source.sql(LATE_DIGEST) };
  } finally {
    await source.remove();
  }
}
