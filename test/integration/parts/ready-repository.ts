import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { madeOnce } from './made-once.ts';
import { listKeys, readObject, s3 } from './s3.ts';
import { startSource } from './source-cluster.ts';

/** Digest of table `things`, whose rows tell how far a restore got. */
export const THINGS_DIGEST = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t";

/**
 * Backups of one real PostgreSQL 15 server, made once for each S3 server and then only read: `backups/shop` (barman;
 * the backup spans several WAL segments), and below `sets` and `fetched` one set of pg_basebackup each, compressed with
 * streamed WAL and plain with fetched WAL.
 */
export interface ReadyRepository {
  bucket: string;
  barmanId: string;
  /** First and last WAL segment of the barman backup. */
  beginWal: string;
  endWal: string;
  /** THINGS_DIGEST at the end of the archive, and as the sets hold it. */
  atTheEnd: string;
  inTheSets: string;
}

export function readyRepository(): Promise<ReadyRepository> {
  return madeOnce('ready-15', ['ready-repository.ts', 'source-cluster.ts'], make);
}

async function make(bucket: string): Promise<ReadyRepository> {
  const source = await startSource({ major: 15, bucket, prefix: 'backups', server: 'shop' });
  try {
    await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
    // Text that glibc sorts otherwise than by its bytes.
    await source.sql("create table words as select unnest(array['b', 'A', 'a b', 'a-c', 'aB', 'B', '_a']) as word");
    await source.sql('create unique index words_order on words (word)');
    // What does not compress makes a download that has a middle.
    const columns = Array.from({ length: 8 }, (_, at) => `gen_random_uuid() as c${at}`).join(', ');
    await source.sql(`create table noise as select ${columns} from generate_series(1, 70000)`);
    const before = await source.sql(REDO);
    const [barmanId] = await Promise.all([source.barmanBackup(), source.sql(fillSegmentsSince(before))]);
    await source.sql("insert into things select n, 'after barman' from generate_series(5001, 5500) n");
    await source.baseBackup('sets/20251024T022608');
    await source.baseBackup('fetched/20251024T022608', ['-Ft', '-X', 'fetch']);
    const inTheSets = await source.sql(THINGS_DIGEST);
    await source.sql("insert into things select n, 'at last' from generate_series(5501, 6000) n");
    await source.archiveAll();
    const atTheEnd = await source.sql(THINGS_DIGEST);
    const info = (await readObject(bucket, `backups/shop/base/${barmanId}/backup.info`)).toString('utf8');
    const [beginWal = '', endWal = ''] = ['begin_wal', 'end_wal'].map(
      (key) => new RegExp(`^${key}=(\\w+)$`, 'm').exec(info)?.[1],
    );
    if (beginWal >= endWal) throw new Error(`the backup should span segments, and goes from ${beginWal} to ${endWal}`);
    return { bucket, barmanId, beginWal, endWal, atTheEnd, inTheSets };
  } finally {
    await source.remove();
  }
}

/** Where the last checkpoint's replay would begin: another one each time a backup has begun. */
const REDO = 'select redo_lsn from pg_control_checkpoint()';

/**
 * Fills some WAL segments as soon as a backup has begun, as a busy server does, always the same number: more would need
 * more room on a volume than a test has. It waits in the server, since a call from outside may come when a short backup
 * is over.
 */
const fillSegmentsSince = (redo: string) => `do $fill$ begin
  for n in 1..3000 loop exit when (${REDO}) <> '${redo}'; perform pg_sleep(0.02); end loop;
  for n in 1..4 loop
    insert into things values (-1, 'meanwhile'); delete from things where id = -1;
    perform pg_switch_wal();
  end loop;
end $fill$`;

/**
 * Copies the objects below a prefix to another bucket, so that a test may damage them there; keys for which `keep` is
 * false stay behind.
 */
export async function copyObjects(
  from: { bucket: string; prefix: string },
  to: { bucket: string; prefix: string },
  keep: (key: string) => boolean = () => true,
): Promise<void> {
  for (const key of (await listKeys(from.bucket, from.prefix)).filter(keep)) {
    const Key = to.prefix + key.slice(from.prefix.length);
    await s3.send(new CopyObjectCommand({ Bucket: to.bucket, Key, CopySource: `${from.bucket}/${key}` }));
  }
}
