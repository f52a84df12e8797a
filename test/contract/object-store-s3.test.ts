import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { createS3Store } from '../../src/store/s3.ts';
import { objectStoreContract } from './object-store.contract.ts';

const endpoint = process.env.ODO_TEST_S3 ?? 'http://127.0.0.1:7480';
const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret123' };
const bucket = `odo-contract-${process.pid}-${Date.now().toString(36)}`;
const config = { bucket, endpoint, credentials, retryForMs: 0 };

objectStoreContract('an S3 server', async () => {
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    store: createS3Store(config),
    missing: createS3Store({ ...config, bucket: `${bucket}-missing` }),
    async put(key, content) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }));
    },
    async remove() {
      for (;;) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        if (Contents.length === 0) break;
        await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }),
        );
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
});

describe('an S3 server that is not to be read', () => {
  async function listing(overrides: Partial<Parameters<typeof createS3Store>[0]>) {
    const store = createS3Store({ ...config, ...overrides });
    try {
      for await (const _ of store.list('')) return 'an entry';
      return 'no entry';
    } finally {
      store.close();
    }
  }

  test('tells a wrong secret from an unknown key', async () => {
    await expect(listing({ credentials: { ...credentials, secretAccessKey: 'wrong' } })).rejects.toMatchObject({
      code: 'accessDenied',
      message: expect.stringContaining('secret key does not fit'),
    });
    await expect(listing({ credentials: { ...credentials, accessKeyId: 'nobody' } })).rejects.toMatchObject({
      code: 'accessDenied',
      message: expect.stringContaining('does not know the access key'),
    });
  });

  test('names the endpoint that nobody listens at', async () => {
    await expect(listing({ endpoint: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      code: 'storeUnreachable',
      message: 'cannot reach http://127.0.0.1:9 (ECONNREFUSED)',
    });
  });

  test('has no secret in any of these errors', async () => {
    const { inspect } = await import('node:util');
    const secretAccessKey = 'wrong-secret-to-look-for';
    const sessionToken = 'token-to-look-for';
    const error = await listing({ credentials: { accessKeyId: 'testkey', secretAccessKey, sessionToken } }).catch(
      (e: unknown) => e,
    );
    const shown = inspect(error, { depth: null, showHidden: true });
    expect(error).toMatchObject({ code: 'accessDenied' });
    expect(shown).not.toContain('to-look-for');
  });
});
