import { madeOnce } from './made-once.ts';
import { THINGS_DIGEST } from './ready-repository.ts';
import { listKeys, readObject } from './s3.ts';
import { startSource } from './source-cluster.ts';

/**
 * A barman backup of a real PostgreSQL 15 server in several parts, and another one: made once for each S3 server, then
 * only read.
 */
export interface SplitRepository {
  bucket: string;
  /** URL of the barman server. */
  url: string;
  /** Of one part each, and of several; the latter is the newer one. */
  wholeId: string;
  splitId: string;
  /** Keys and sizes of the split backup's parts, in the order in which they are laid down. */
  parts: { key: string; sizeBytes: number }[];
  /** The archived segments from the split backup's first one on. */
  segments: string[];
  /** THINGS_DIGEST at the end of the archive. */
  digest: string;
}

const PREFIX = 'backups';
const SERVER = 'shop';

export function splitRepository(): Promise<SplitRepository> {
  return madeOnce('split-15', ['split-repository.ts', 'source-cluster.ts'], make);
}

async function make(bucket: string): Promise<SplitRepository> {
  const source = await startSource({ major: 15, bucket, prefix: PREFIX, server: SERVER });
  try {
    await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
    const wholeId = await source.barmanBackup();
    // What does not compress makes a download that has a middle.
    const columns = Array.from({ length: 8 }, (_, at) => `gen_random_uuid() as c${at}`).join(', ');
    for (const table of ['noise', 'more_noise', 'much_noise', 'all_noise']) {
      await source.sql(`create table ${table} as select ${columns} from generate_series(1, 30000)`);
    }
    const splitId = await source.barmanBackup('--max-archive-size', '5MB');
    for (let segment = 0; segment < 5; segment++) {
      await source.sql(`insert into things values (${10000 + segment}, 'at last')`);
      await source.archiveAll();
    }
    const digest = await source.sql(THINGS_DIGEST);
    const parts = await partsOf(bucket, `${PREFIX}/${SERVER}/base/${splitId}/`);
    if (parts.length < 3)
      throw new Error(`the backup should have several parts, and has ${parts.map(({ key }) => key)}`);
    const segments = await segmentsOf(bucket, splitId);
    return { bucket, url: `s3://${bucket}/${PREFIX}/${SERVER}`, wholeId, splitId, parts, segments, digest };
  } finally {
    await source.remove();
  }
}

/** Where a backup begins differs from time to time: a server may have gone on to another segment, or not. */
async function segmentsOf(bucket: string, backupId: string): Promise<string[]> {
  const info = (await readObject(bucket, `${PREFIX}/${SERVER}/base/${backupId}/backup.info`)).toString('utf8');
  const begin = /^begin_wal=(\w+)$/m.exec(info)?.[1] ?? '';
  const names = (await listKeys(bucket, `${PREFIX}/${SERVER}/wals/`)).map(
    (key) => /\/([0-9A-F]{24})\.gz$/.exec(key)?.[1] ?? '',
  );
  return names.filter((name) => name >= begin && name !== '').sort();
}

/** Requests for the last of the segments. */
export function lastSegmentOf({ segments }: SplitRepository): RegExp {
  return new RegExp(`GET .*${segments.at(-1)}\\.gz`);
}

async function partsOf(bucket: string, folder: string): Promise<SplitRepository['parts']> {
  const keys = (await listKeys(bucket, folder)).filter((key) => key.includes('.tar'));
  const parts = await Promise.all(
    keys.map(async (key) => ({ key, sizeBytes: (await readObject(bucket, key)).length })),
  );
  const number = (key: string) => Number(/_(\d+)\.tar/.exec(key)?.[1] ?? 0);
  return parts.sort((one, other) => number(one.key) - number(other.key));
}
