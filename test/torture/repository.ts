import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { CopyObjectCommand, CreateBucketCommand, DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { OWN } from '../integration/parts/own.ts';
import { mustRun, until } from '../integration/parts/run.ts';
import { emptyBucket, putObject, readObject, s3 } from '../integration/parts/s3.ts';
import { type SourceCluster, startSource } from '../integration/parts/source-cluster.ts';

/**
 * A digest of every row: which state of the source a server holds. Needs to be out of recovery, as it also asks for a
 * transaction.
 */
export const DIGEST_SQL =
  "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) || ' ' || (pg_current_xact_id() is " +
  'not null) from things t';

export type RepositoryName = 'barman' | 'set' | 'wide' | 'raised';

/**
 * What the runs restore: made once for an S3 server by real tools, and found there again. `barman` is a repository with
 * a WAL archive, `set` a compressed pg_basebackup, `wide` one of a data directory with thousands of entries, whose
 * exchange takes long enough to be hit, `raised` the first with more WAL, in which the primary raises a parameter.
 */
export interface Repository {
  bucket: string;
  prefixes: Record<RepositoryName, string>;
  /** Digest of what a full restore of each one gives. */
  digests: Record<RepositoryName, string>;
  /** Of the barman repository: its data object, and its WAL segments with the digest as of each one's end. */
  dataKey: string;
  segments: { key: string; name: string; required: boolean; digest: string }[];
}

interface Facts extends Omit<Repository, 'bucket'> {
  etags: Record<string, string>;
}

const FACTS = 'facts.json';
const BATCHES = 4;
const WIDE_ENTRIES = 2500;

/**
 * The repository that all others are copies of. Made once on each S3 server; one that was broken off while it was made
 * is made again.
 */
export async function openPristine(): Promise<Repository> {
  const recipe = ['repository.ts', '../integration/parts/source-cluster.ts'].map((file) =>
    fs.readFileSync(new URL(file, import.meta.url), 'utf8'),
  );
  const bucket = `odo-torture-${createHash('sha256').update(recipe.join()).digest('hex').slice(0, 12)}`;
  const facts = await soundFacts(bucket);
  if (facts) return { ...facts, bucket };
  await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch(() => undefined);
  await emptyBucket(bucket);
  return make(bucket);
}

/** A copy for one rig of this process, since runs damage objects in it. */
export async function copyRepository(pristine: Repository, rig: number): Promise<Repository> {
  const bucket = `${pristine.bucket}-${OWN}-${rig}`;
  await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch(() => undefined);
  await emptyBucket(bucket);
  return copy(pristine, bucket);
}

/** Objects lie in the S3 server's memory. */
export async function removeRepository({ bucket }: Repository): Promise<void> {
  await emptyBucket(bucket);
}

/** A run that was broken off may have left damaged objects: the etags tell. */
async function soundFacts(bucket: string): Promise<Facts | undefined> {
  try {
    const facts = JSON.parse((await readObject(bucket, FACTS)).toString('utf8')) as Facts;
    return JSON.stringify(await etagsOf(bucket)) === JSON.stringify(facts.etags) ? facts : undefined;
  } catch {
    return undefined;
  }
}

async function etagsOf(bucket: string): Promise<Record<string, string>> {
  const { Contents = [], IsTruncated } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  if (IsTruncated) throw new Error('more objects than one page holds');
  return Object.fromEntries(
    Contents.filter(({ Key }) => Key !== FACTS).map(({ Key, ETag }) => [Key as string, ETag as string]),
  );
}

async function seal(bucket: string, facts: Omit<Repository, 'bucket'>): Promise<Repository> {
  await putObject(bucket, FACTS, JSON.stringify({ ...facts, etags: await etagsOf(bucket) } satisfies Facts));
  return { ...facts, bucket };
}

async function copy(from: Repository, bucket: string): Promise<Repository> {
  const { bucket: source, ...facts } = from;
  for (const Key of Object.keys(await etagsOf(source))) {
    await s3.send(new CopyObjectCommand({ Bucket: bucket, Key, CopySource: `${source}/${Key}` }));
  }
  return seal(bucket, facts);
}

async function make(bucket: string): Promise<Repository> {
  // Small segments: more of them, and moments between them, in the same time.
  const source = await startSource({
    major: 15,
    bucket,
    prefix: 'backups',
    server: 'shop',
    initdbArgs: '--wal-segsize=1',
  });
  try {
    const noise = Array.from({ length: 7 }, (_, at) => `gen_random_uuid() as noise${at}`).join(', ');
    const rows = `select n as id, md5(n::text) as what, ${noise} from generate_series(%, %) n`;
    const insert = (from: number, to: number) => source.sql(`insert into things ${fill(rows, from, to)}`);
    await source.sql(`create table things as ${fill(rows, 1, 50_000)}`);
    await source.sql('alter table things add primary key (id)');

    await source.exec(['sh', '-c', `cd "$PGDATA" && seq -f wide-%05g ${WIDE_ENTRIES} | xargs touch`]);
    await source.baseBackup('wide/20251024T022608');
    const wide = await source.sql(DIGEST_SQL);
    await source.exec(['sh', '-c', 'cd "$PGDATA" && rm wide-*']);

    await insert(50_001, 50_500);
    await source.baseBackup('sets/20251024T022608');
    const set = await source.sql(DIGEST_SQL);

    await insert(50_501, 51_000);
    const id = await source.barmanBackup();
    const states = [{ segment: '', digest: await source.sql(DIGEST_SQL) }];
    for (let batch = 1; batch <= BATCHES; batch++) {
      await insert(51_001 + 1000 * batch, 51_001 + 1000 * batch + 999);
      const digest = await source.sql(DIGEST_SQL);
      const segment = await source.sql('select pg_walfile_name(pg_current_wal_insert_lsn())');
      await source.archiveAll();
      states.push({ segment, digest });
    }
    const info = (await readObject(bucket, `backups/shop/base/${id}/backup.info`)).toString('utf8');
    const keys = Object.keys(await etagsOf(bucket));
    const named = (name: string) => new RegExp(`^${name}=(\\w+)$`, 'm').exec(info)?.[1] ?? '';
    const segments = keys
      .map((key) => ({ key, name: /\/([0-9A-F]{24})(\.gz)?$/.exec(key)?.[1] ?? '' }))
      .filter(({ key, name }) => key.startsWith('backups/shop/wals/') && name >= named('begin_wal'))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ key, name }) => ({
        key,
        name,
        required: name <= named('end_wal'),
        digest: states.findLast(({ segment }) => segment <= name)?.digest ?? '',
      }));
    const dataKey = keys.find((key) => key.startsWith(`backups/shop/base/${id}/data.tar`));
    if (segments.length < BATCHES + 1 || dataKey === undefined)
      throw new Error('the repository is not as it should be');
    const raised = await makeRaised(source, bucket, keys, () => insert(60_001, 60_500));
    return await seal(bucket, {
      prefixes: { barman: 'backups/shop', set: 'sets', wide: 'wide', raised: 'raised/shop' },
      digests: { barman: states.at(-1)?.digest ?? '', set, wide, raised },
      dataKey,
      segments,
    });
  } finally {
    await source.remove();
  }
}

/**
 * A second barman repository, of the same backup: on the way to its end the primary raises a parameter, which no server
 * may have less of that replays it. Gives its digest.
 * @param keys all objects of the first, which stays as it is
 */
async function makeRaised(
  source: SourceCluster,
  bucket: string,
  keys: readonly string[],
  insert: () => Promise<unknown>,
): Promise<string> {
  await source.sql('alter system set max_connections = 130');
  await mustRun('docker', ['restart', '-t', '30', source.container]);
  await until('the source answers again', () =>
    source.sql('select 1').then(
      () => true,
      () => false,
    ),
  );
  await insert();
  const digest = await source.sql(DIGEST_SQL);
  await source.archiveAll();
  for (const key of Object.keys(await etagsOf(bucket)).filter((candidate) => candidate.startsWith('backups/shop/'))) {
    const Key = key.replace('backups/', 'raised/');
    await s3.send(new CopyObjectCommand({ Bucket: bucket, Key, CopySource: `${bucket}/${key}` }));
    if (!keys.includes(key)) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }
  return digest;
}

function fill(text: string, ...values: readonly number[]): string {
  let at = 0;
  return text.replaceAll('%', () => String(values[at++]));
}
