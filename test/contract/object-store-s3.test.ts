import { randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWhole } from '../../src/store/reading/read-whole.ts';
import { createS3Store } from '../../src/store/s3/s3.ts';
import type { S3Config } from '../../src/store/s3/s3-config.ts';
import { OWN } from '../integration/parts/own.ts';
import { objectStoreContract } from './object-store.contract.ts';
import { S3_SERVERS, type S3Server } from './s3-servers.ts';

const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret123' };
let buckets = 0;

/** A new bucket, and a client of its own to fill it with. */
async function createBucket({ config: { endpoint = '', caBundle } }: S3Server) {
  const bucket = `odo-contract-${OWN}-${Date.now().toString(36)}-${++buckets}`;
  const client = new S3Client({
    endpoint,
    credentials,
    region: 'us-east-1',
    forcePathStyle: true,
    requestHandler: new NodeHttpHandler({
      httpsAgent: new Agent({ keepAlive: true, ...(caBundle ? { ca: caBundle } : {}) }),
    }),
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    bucket,
    client,
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
}

for (const server of S3_SERVERS) {
  objectStoreContract(server.name, async () => {
    const { bucket, client, remove } = await createBucket(server);
    const config = { ...server.config, bucket, credentials, retryForMs: 0 };
    return {
      store: createS3Store(config),
      missing: createS3Store({ ...config, bucket: `${bucket}-missing` }),
      async put(key, content) {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }));
      },
      remove,
    };
  });
}

/** What a listing with this configuration comes to. */
async function listing(config: S3Config): Promise<string> {
  const store = createS3Store({ retryForMs: 0, credentials, ...config });
  try {
    for await (const _ of store.list('')) return 'an entry';
    return 'no entry';
  } finally {
    store.close();
  }
}

describe.each(S3_SERVERS)('$name, when it is not to be read', (server) => {
  const { config, takesAnyKeys } = server;

  test('tells a wrong secret from an unknown key, or takes both for what they are worth', async () => {
    const { bucket, remove } = await createBucket(server);
    try {
      const wrong = () => listing({ ...config, bucket, credentials: { ...credentials, secretAccessKey: 'wrong' } });
      const unknown = () => listing({ ...config, bucket, credentials: { ...credentials, accessKeyId: 'nobody' } });
      if (takesAnyKeys) {
        expect([await wrong(), await unknown()]).toEqual(['no entry', 'no entry']);
        return;
      }
      await expect(wrong()).rejects.toMatchObject({
        code: 'accessDenied',
        message: expect.stringContaining('secret key does not fit'),
      });
      await expect(unknown()).rejects.toMatchObject({
        code: 'accessDenied',
        message: expect.stringContaining('does not know the access key'),
      });
    } finally {
      await remove();
    }
  });

  test('reads with the newer checksums, too', async () => {
    const { bucket, client, remove } = await createBucket(server);
    const store = createS3Store({ ...config, bucket, credentials, retryForMs: 0, checksums: 'supported' });
    try {
      const Body = randomBytes(200_000);
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'base.tar', Body, ChecksumAlgorithm: 'CRC32' }));
      expect(Body.equals(await readWhole(store, 'base.tar'))).toBe(true);
    } finally {
      store.close();
      await remove();
    }
  });
});

test('names the endpoint that nobody listens at', async () => {
  await expect(listing({ bucket: 'backups', endpoint: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: 'cannot reach http://127.0.0.1:9 (ECONNREFUSED)',
  });
});

test('has no secret in any error of wrong keys', async () => {
  const { inspect } = await import('node:util');
  const secretAccessKey = 'wrong-secret-to-look-for';
  const sessionToken = 'token-to-look-for';
  const [{ config }] = S3_SERVERS as [S3Server];
  const error = await listing({
    ...config,
    bucket: 'backups',
    credentials: { accessKeyId: 'testkey', secretAccessKey, sessionToken },
  }).catch((e: unknown) => e);
  const shown = inspect(error, { depth: null, showHidden: true });
  expect(error).toMatchObject({ code: 'accessDenied' });
  expect(shown).not.toContain('to-look-for');
});

describe('over TLS', () => {
  const server = S3_SERVERS.find(({ config }) => config.caBundle !== undefined) as S3Server;
  const { endpoint = '', caBundle = '' } = server.config;
  const key = randomBytes(32).toString('base64');
  let made: Awaited<ReturnType<typeof createBucket>>;

  beforeAll(async () => {
    made = await createBucket(server);
    const encryption = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key };
    await made.client.send(
      new PutObjectCommand({ Bucket: made.bucket, Key: 'base.tar', Body: 'sealed content', ...encryption }),
    );
  });
  afterAll(() => made?.remove());

  test('a certificate of an unknown authority is refused, and the way out is named', async () => {
    await expect(listing({ bucket: made.bucket, endpoint })).rejects.toMatchObject({
      code: 'storeUnreachable',
      hint: expect.stringContaining('--ca-bundle'),
    });
  });

  test('is read with its authority, or without any check where that is asked for', async () => {
    expect(await listing({ bucket: made.bucket, endpoint, caBundle })).toBe('an entry');
    expect(await listing({ bucket: made.bucket, endpoint, verifyTls: false })).toBe('an entry');
  });

  test('gives what is encrypted with a key of ours to none but who has it', async () => {
    const config = { bucket: made.bucket, endpoint, caBundle, credentials, retryForMs: 0 };
    const read = async (more: Partial<S3Config>) => {
      const store = createS3Store({ ...config, ...more });
      try {
        return (await readWhole(store, 'base.tar')).toString();
      } finally {
        store.close();
      }
    };
    expect(await read({ sseCustomerKey: key })).toBe('sealed content');
    await expect(read({})).rejects.toMatchObject({ name: 'OdoError' });
    const wrong = randomBytes(32).toString('base64');
    const error = await read({ sseCustomerKey: wrong }).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'OdoError' });
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(wrong);
  });
});
