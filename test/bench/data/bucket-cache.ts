import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CreateBucketCommand, DeleteBucketCommand, ListBucketsCommand } from '@aws-sdk/client-s3';
import { mustRun } from '../../integration/parts/run.ts';
import { emptyBucket, listKeys, putObject, readObject, S3_ENDPOINT, s3 } from '../../integration/parts/s3.ts';
import type { Bench } from '../bench.ts';

const FACTS = 'facts.json';

/** What makes the content of a bucket. */
export interface BucketRecipe<Facts> {
  /** Short, for the bucket's name. */
  name: string;
  /**
   * The file that has the recipe, and the part of the sizes that it takes: a change of either (or of the source server)
   * makes new data.
   */
  file: string;
  sizes: unknown;
  make(bucket: string): Promise<Facts>;
}

export interface ReadyBucket<Facts> {
  bucket: string;
  facts: Facts;
}

/** Gives a bucket that has been made before: as it is in the server, or from the copy on disk; otherwise makes it. */
export async function readyBucket<Facts>(bench: Bench, recipe: BucketRecipe<Facts>): Promise<ReadyBucket<Facts>> {
  const digest = createHash('sha256').update(JSON.stringify(recipe.sizes));
  for (const file of [recipe.file, new URL('source.ts', import.meta.url).pathname])
    digest.update(fs.readFileSync(file));
  const prefix = `odo-bench-${recipe.name}-${bench.sizes.name}-`;
  const bucket = prefix + digest.digest('hex').slice(0, 10);
  const copy = path.join(bench.cache, 'buckets', bucket);
  await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch(() => undefined);
  if (!(await listKeys(bucket, FACTS)).includes(FACTS)) {
    if (fs.existsSync(path.join(copy, FACTS))) {
      bench.say(`  putting ${bucket} back into the server`);
      await sync(bench, copy, `s3://${bucket}`);
      await putObject(bucket, FACTS, fs.readFileSync(path.join(copy, FACTS)));
    } else {
      bench.say(`  making ${bucket}`);
      const startedAt = performance.now();
      // What an attempt that failed has left there would be in the way.
      await emptyBucket(bucket);
      await putObject(bucket, FACTS, JSON.stringify(await recipe.make(bucket)));
      bench.say(`  made in ${Math.round((performance.now() - startedAt) / 1000)} s`);
      await forgetOthers(bench, prefix, bucket);
    }
  }
  const facts = await readObject(bucket, FACTS);
  if (!fs.existsSync(path.join(copy, FACTS))) {
    await sync(bench, `s3://${bucket}`, copy);
    fs.writeFileSync(path.join(copy, FACTS), facts);
  }
  return { bucket, facts: JSON.parse(facts.toString('utf8')) as Facts };
}

/** The facts come last: where they are, the rest is whole. */
async function sync(bench: Bench, from: string, to: string): Promise<void> {
  const command = [
    'aws',
    's3',
    'sync',
    '--only-show-errors',
    '--exclude',
    FACTS,
    '--endpoint-url',
    S3_ENDPOINT,
    from,
    to,
  ];
  await mustRun('docker', ['exec', bench.rivals, ...command]);
}

/** Older data of the same name would fill the server, which keeps its objects in memory. */
async function forgetOthers(bench: Bench, prefix: string, keep: string): Promise<void> {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  for (const { Name = '' } of Buckets) {
    if (!Name.startsWith(prefix) || Name === keep) continue;
    await emptyBucket(Name);
    await s3.send(new DeleteBucketCommand({ Bucket: Name }));
    fs.rmSync(path.join(bench.cache, 'buckets', Name), { recursive: true, force: true });
  }
}
