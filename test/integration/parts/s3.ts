import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { OWN } from './own.ts';

/** The test command's S3 server. */
export const S3_ENDPOINT = process.env.ODO_TEST_S3 ?? 'http://127.0.0.1:7480';

export const S3_KEYS = {
  AWS_ACCESS_KEY_ID: 'testkey',
  AWS_SECRET_ACCESS_KEY: 'testsecret123',
  AWS_DEFAULT_REGION: 'us-east-1',
} as const;

export const s3 = new S3Client({
  endpoint: S3_ENDPOINT,
  region: S3_KEYS.AWS_DEFAULT_REGION,
  forcePathStyle: true,
  credentials: { accessKeyId: S3_KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: S3_KEYS.AWS_SECRET_ACCESS_KEY },
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
});

let buckets = 0;

/** A new bucket, named after the process and a counter. */
export async function createBucket(): Promise<string> {
  const Bucket = `odo-test-${OWN}-${Date.now()}-${++buckets}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

/** From now on everybody may read it, without any keys. */
export async function openToEverybody(Bucket: string): Promise<void> {
  const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const Statement = [{ Effect: 'Allow', Principal: '*', Action: ['s3:GetObject', 's3:ListBucket'], Resource }];
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
}

export async function putObject(Bucket: string, Key: string, Body: Buffer | string): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
}

export async function readObject(Bucket: string, Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  if (!Body) throw new Error(`no body for ${Key}`);
  return Buffer.from(await Body.transformToByteArray());
}

export async function listKeys(Bucket: string, Prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key as string));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return keys;
}

export async function deleteObjects(Bucket: string, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 1000) {
    const Objects = keys.slice(at, at + 1000).map((Key) => ({ Key }));
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
}

/** Empties a bucket, whose objects live in memory. */
export async function emptyBucket(bucket: string): Promise<void> {
  await deleteObjects(bucket, await listKeys(bucket));
}
