import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { madeOnce } from '../../integration/parts/made-once.ts';
import { OWN } from '../../integration/parts/own.ts';
import { copyObjects } from '../../integration/parts/ready-repository.ts';
import { mustRun } from '../../integration/parts/run.ts';
import { emptyBucket, putObject, readObject, s3 } from '../../integration/parts/s3.ts';
import { startSource } from '../../integration/parts/source-cluster.ts';
import { RESTORE_POINTS, ROWS_PER_TAG } from './world.ts';

/** Below the bucket: barman's prefix and server, and the source's own data directory as it was when it stopped. */
export const PREFIX = 'backups';
export const SERVER = 'shop';
const OLD_DATA = 'old/data.tar';

/** Makes the PGDATA's exchange and deletion long enough to be hit. */
const WIDE_ENTRIES = 400;

/** One transaction of ROWS_PER_TAG rows. */
export function insertSql(tag: string, table = 'marks'): string {
  return `insert into ${table} select '${tag}' from generate_series(1, ${ROWS_PER_TAG})`;
}

/**
 * A repository of one backup with a restore point after each of a few transactions, and the data directory that it was
 * made of: with rows of one transaction more, `unarchived`, whose WAL never came into the archive. Made once for an S3
 * server by real tools.
 */
export function pristineArchive(): Promise<{ bucket: string }> {
  const recipe = ['ready-repository.ts', 'source-cluster.ts', new URL(import.meta.url)];
  return madeOnce('sequences', recipe, async (bucket) => {
    const source = await startSource({
      major: 15,
      bucket,
      prefix: PREFIX,
      server: SERVER,
      initdbArgs: '--wal-segsize=1',
    });
    try {
      await source.sql(
        'create table marks (what text); create index marks_what on marks (what); create extension amcheck',
      );
      await source.sql(insertSql('base'));
      await source.barmanBackup();
      for (const point of RESTORE_POINTS) {
        await source.sql(insertSql(point));
        await source.sql(`select pg_create_restore_point('${point}')`);
        await source.archiveAll();
      }
      await source.sql("alter system set archive_command = 'false'");
      await source.sql('select pg_reload_conf()');
      // More than a segment of it.
      await source.sql('create table bulk as select repeat(md5(n::text), 20) as what from generate_series(1, 2500) n');
      await source.sql(insertSql('unarchived'));
      await source.exec([
        'sh',
        '-c',
        `cd "$PGDATA" && echo "fsync = off" >>postgresql.conf && seq -f wide-%05g ${WIDE_ENTRIES} | xargs touch`,
      ]);
      await mustRun('docker', ['stop', '-t', '60', source.container]);
      await putObject(bucket, OLD_DATA, await dataDirectoryOf(source.container));
      return { bucket };
    } finally {
      await source.remove();
    }
  });
}

/** A tar of it, with `data/` before the names. */
async function dataDirectoryOf(container: string): Promise<Buffer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-old-data-'));
  try {
    const file = path.join(folder, 'data.tar');
    await mustRun('sh', ['-c', `docker cp ${container}:/var/lib/postgresql/data - >${file}`]);
    return fs.readFileSync(file);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A bucket of a stage's own, since restored servers write into it. */
export interface StageArchive {
  bucket: string;
  /** As it was made. */
  reset(): Promise<void>;
  /** The tar of the old data. */
  oldData(): Promise<Buffer>;
  remove(): Promise<void>;
}

export async function openStageArchive(number: number): Promise<StageArchive> {
  const pristine = await pristineArchive();
  const bucket = `odo-sequences-${OWN}-${number}`;
  await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch(() => undefined);
  return {
    bucket,
    async reset() {
      await emptyBucket(bucket);
      await copyObjects({ bucket: pristine.bucket, prefix: `${PREFIX}/` }, { bucket, prefix: `${PREFIX}/` });
    },
    oldData: () => readObject(pristine.bucket, OLD_DATA),
    remove: () => emptyBucket(bucket),
  };
}
