import { setTimeout as sleep } from 'node:timers/promises';
import { madeOnce } from '../made-once.ts';
import { startSource } from '../source-cluster.ts';

/** Of each order, so that they tell how far a restore got. */
export const ORDERS = "select count(*) || ' from ' || min(id) || ' to ' || max(id) from orders";

/**
 * The repository that the guides speak of (`backups/shop`): database `shop` of a PostgreSQL 15 server, whose orders
 * were deleted by mistake. Orders 1 to 1000 are in the backup, 1001 to 1200 came before the mistake, in which those to
 * 400 went, and 1201 to 1300 after it.
 */
export interface ShopRepository {
  bucket: string;
  /** After order 1100, and just before the mistake. */
  earlier: string;
  moment: string;
  /** The transaction that was the mistake. */
  xid: string;
}

/** ORDERS at each of them. */
export const AT = {
  earlier: '1100 from 1 to 1100',
  moment: '1200 from 1 to 1200',
  end: '900 from 401 to 1300',
} as const;

export const MARK = 'before the clean-up';

const MISTAKE =
  'with gone as (delete from orders where id <= 400 returning 1) select pg_current_xact_id(), count(*) from gone';

export function shopRepository(): Promise<ShopRepository> {
  return madeOnce('guides-15', ['guides/shop-repository.ts', 'source-cluster.ts'], make);
}

async function make(bucket: string): Promise<ShopRepository> {
  const source = await startSource({ major: 15, bucket, prefix: 'backups', server: 'shop' });
  const sql = (text: string) => source.sql(text, 'shop');
  const insert = (from: number, to: number) =>
    sql(`insert into orders select n, md5(n::text) from generate_series(${from}, ${to}) n`);
  const now = async () => {
    await sleep(50);
    const time = await sql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'");
    await sleep(50);
    return time;
  };
  try {
    await source.sql('create database shop');
    await sql('create table orders (id int primary key, what text)');
    await insert(1, 1000);
    await source.barmanBackup();
    await insert(1001, 1100);
    const earlier = await now();
    await insert(1101, 1200);
    await source.sql(`select pg_create_restore_point('${MARK}')`);
    const moment = await now();
    const [xid = ''] = (await sql(MISTAKE)).split('|');
    await insert(1201, 1300);
    await source.archiveAll();
    return { bucket, earlier, moment, xid };
  } finally {
    await source.remove();
  }
}
