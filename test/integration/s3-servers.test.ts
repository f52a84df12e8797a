import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketRequestPaymentCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  RestoreObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { S3_SERVERS, type S3Server } from '../contract/s3-servers.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { startConnectProxy } from './parts/connect-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun } from './parts/run.ts';
import { listKeys, readObject, S3_KEYS, s3 } from './parts/s3.ts';

const CA = new URL('../../.cache/tls/ca.crt', import.meta.url).pathname;
const MOTO = 'http://127.0.0.1:7495';
/** One of each make. */
const MAKES = S3_SERVERS.filter(({ name }) => /^(Ceph of Debian 13|moto)$/.test(name)).map(
  (server) => [server.name, server] as const,
);
/** Another account than the bucket's, and its access key. */
const PAYER = `odo-payer-${OWN}-${Date.now()}`;
const PAYERS_SECRET = 'hush-of-the-payer';

/** The same backup in every S3 server that there is, and behind everything that a bucket may ask of its readers. */
describe('a backup in', () => {
  let ready: ReadyRepository;
  let folder: string;
  let keys: string[];
  let expected: string;
  const copies: { client: S3Client; bucket: string }[] = [];
  const made: string[] = [];

  beforeAll(async () => {
    ready = await readyRepository();
    folder = fs.mkdtempSync('/tmp/odo-s3-servers-');
    keys = await listKeys(ready.bucket, 'backups/');
    await odoReceipt(['-u', `s3://${ready.bucket}/backups`, '--into', into('expected')]);
    expected = await treeOf('expected');
    expect(expected.split('\n').length).toBeGreaterThan(900);
  });

  afterAll(async () => {
    for (const { client, bucket } of copies) {
      for (const Key of [...keys, ...made]) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
      client.destroy();
    }
    if (folder) fs.rmSync(folder, { recursive: true });
  });

  const into = (name: string) => path.join(folder, name.replaceAll(' ', '-'));
  /** Every file with its content, and the WAL that was fetched; but for what has the directory's own path in it. */
  const treeOf = (name: string) =>
    mustRun('sh', [
      '-c',
      `cd ${into(name)} && { find . -path ./.odo -prune -o -type f ! -name postgresql.auto.conf -print0; ` +
        `find .odo/spool -type f -regextype posix-extended -regex '.*/[0-9A-F]{24}' -print0; } | sort -z | ` +
        'xargs -0 sha256sum',
    ]);

  async function newBucket({ config: { endpoint = '', caBundle } }: Pick<S3Server, 'config'>) {
    const secure =
      caBundle === undefined
        ? {}
        : { requestHandler: new NodeHttpHandler({ httpsAgent: new https.Agent({ ca: caBundle }) }) };
    const client = new S3Client({
      endpoint,
      region: S3_KEYS.AWS_DEFAULT_REGION,
      forcePathStyle: true,
      credentials: { accessKeyId: S3_KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: S3_KEYS.AWS_SECRET_ACCESS_KEY },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      ...secure,
    });
    const bucket = `odo-test-${OWN}-${Date.now()}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    copies.push({ client, bucket });
    return { client, bucket };
  }

  /** Copies it to a new bucket of this server. */
  async function copyTo(
    server: Pick<S3Server, 'config'>,
    more: Partial<PutObjectCommandInput> = {},
    below = '',
  ): Promise<string> {
    const { client, bucket } = await newBucket(server);
    for (const key of keys) {
      const [Key, Body] = [`${below}${key}`, await readObject(ready.bucket, key)];
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more }));
      if (below !== '') made.push(Key);
    }
    return bucket;
  }

  // The first one is where the expected tree came from.
  it.each(S3_SERVERS.slice(1).map((server) => [server.name, server] as const))(
    '%s is restored',
    async (name, server) => {
      const bucket = await copyTo(server);
      const { endpoint = '', caBundle } = server.config;
      const trust = caBundle === undefined ? [] : ['--ca-bundle', CA];
      await odoReceipt(['-u', `s3://${bucket}/backups`, '--endpoint', endpoint, ...trust, '--into', into(name)]);
      expect(await treeOf(name)).toBe(expected);
    },
  );

  it('a bucket that is addressed by the host’s name is restored', async () => {
    const bucket = await copyTo({ config: { endpoint: MOTO } });
    // The proxy alone knows that name.
    const proxy = await startConnectProxy({ [`${bucket}.localhost`]: new URL(MOTO) });
    try {
      const env = { http_proxy: proxy.url, HTTP_PROXY: undefined, NO_PROXY: undefined, no_proxy: undefined };
      const url = ['-u', `s3://${bucket}/backups`, '--endpoint', 'http://localhost', '--no-path-style'];
      await odoReceipt([...url, '--into', into('virtual')], { env });
      expect(await treeOf('virtual')).toBe(expected);
      expect(proxy.asked.length).toBeGreaterThan(10);
      for (const words of proxy.asked) expect(words).toMatch(new RegExp(`^(GET|HEAD) http://${bucket}\\.localhost/`));
    } finally {
      await proxy.close();
    }
  });

  it.each(MAKES)(
    'a folder of %s is restored whose keys begin with a slash, and hold signs of URLs',
    async (_, server) => {
      const below = '/50% of a+b/%2F?x=1#y/';
      const bucket = await copyTo(server, {}, below);
      const endpoint = ['--endpoint', server.config.endpoint as string];
      const lost = await odo(['list', '-u', `s3://${bucket}${below}backups`, ...endpoint]);
      expect([lost.code, lost.stderr]).toEqual([12, expect.stringContaining(`try s3://${bucket}/${below}backups`)]);
      const name = `odd-${server.name}`;
      await odoReceipt(['-u', `s3://${bucket}/${below}backups`, ...endpoint, '--into', into(name)]);
      expect(await treeOf(name)).toBe(expected);
    },
  );

  it.each(MAKES)('%s keeps versions that were deleted: a list that finds nothing tells of them', async (_, server) => {
    const { client, bucket: Bucket } = await newBucket(server);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    for (const Key of keys.filter((key) => key.includes('/base/'))) {
      const Body = Key.endsWith('backup.info') ? await readObject(ready.bucket, Key) : 'data';
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    }
    const list = () => odo(['list', '-u', `s3://${Bucket}/backups`, '--endpoint', server.config.endpoint as string]);
    const { code, stderr } = await list();
    expect(code).toBe(12);
    expect(stderr).toMatch(`no backup found under s3://${Bucket}/backups/: `);
    expect(stderr).toMatch(/; 2 objects there were deleted, the last of them at \S+Z, and the bucket still keeps them/);
    expect(stderr).toContain(`aws s3api list-object-versions --bucket ${Bucket} --prefix 'backups/'`);

    // As the hint says.
    const { DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'backups/' }));
    for (const { Key, VersionId } of DeleteMarkers) {
      await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
    }
    expect((await list()).stdout).toContain(ready.barmanId);
  });

  it('a bucket archived in part by a rule is restored from the rest, and from what was brought back', async () => {
    const OLDER = '20200101T000000';
    const bucket = await copyTo({ config: { endpoint: MOTO } });
    const { client } = copies.at(-1) as (typeof copies)[number];
    const base = 'backups/shop/base/';
    for (const key of keys.filter((each) => each.startsWith(base))) {
      const [Key, content] = [key.replace(ready.barmanId, OLDER), await readObject(ready.bucket, key)];
      const older = content.toString('latin1').replace(/^((?:begin|end)_time=)\S+/gm, '$12020-01-01');
      const Body = key.endsWith('backup.info') ? Buffer.from(older, 'latin1') : content;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
      made.push(Key);
    }
    const archive = (Key: string) => {
      const source = { CopySource: `${bucket}/${Key}`, StorageClass: 'GLACIER' as const };
      return client.send(new CopyObjectCommand({ Bucket: bucket, Key, ...source }));
    };
    const bringBack = (Key: string) =>
      client.send(new RestoreObjectCommand({ Bucket: bucket, Key, RestoreRequest: { Days: 1 } }));
    const data = keys.find((key) => key.startsWith(base) && key.includes('data.tar')) as string;
    const segment = keys.filter((key) => /\/[0-9A-F]{24}\.gz$/.test(key)).at(-1) as string;
    const url = ['-u', `s3://${bucket}/backups`, '--endpoint', MOTO];
    const lies = (key: string) => `s3://${bucket}/${key} lies in an archive storage class (GLACIER)`;
    const listed = async () => {
      const { repositories } = JSON.parse((await odo(['list', ...url, '--json'])).stdout);
      return repositories[0];
    };
    const expectRefused = async (key: string, ...args: string[]) => {
      const refused = async (command: string) => {
        const { code, stderr } = await odo([command, ...url, '--into', into(command), ...args]);
        expect([code, stderr], command).toEqual([13, expect.stringContaining(lies(key))]);
        expect(stderr).toContain('aws s3api restore-object');
        expect(fs.existsSync(into(command))).toBe(false);
      };
      await Promise.all(['check', 'restore'].map(refused));
    };

    await archive(data);
    expect((await listed()).backups).toMatchObject([
      { id: OLDER, usable: true },
      { id: ready.barmanId, usable: false, reason: expect.stringContaining(lies(data)) },
    ]);
    await expectRefused(data, '--backup', ready.barmanId);
    const receipt = await odoReceipt([...url, '--into', into('older')]);
    expect(receipt.backup.id).toBe(OLDER);
    const others = (tree: string) => tree.replace(/^.*recovery\.signal$/m, ''); // That names the backup.
    expect(others(await treeOf('older'))).toBe(others(expected));

    await archive(segment);
    expect(JSON.stringify((await listed()).wal)).toContain(lies(segment));
    await expectRefused(segment);

    for (const key of [data, segment]) await bringBack(key);
    const { backups, wal } = await listed();
    expect(backups).toMatchObject([{ usable: true }, { usable: true }]);
    expect(JSON.stringify(wal)).not.toContain('GLACIER');
    expect((await odoReceipt([...url, '--into', into('back')])).backup.id).toBe(ready.barmanId);
    expect(await treeOf('back')).toBe(expected);
  });

  it('a bucket whose readers pay, encrypted with our key, with S3’s checksums, comes back into a service', async () => {
    const project: ComposeProject = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    const tls = S3_SERVERS.find(({ config }) => config.caBundle !== undefined) as S3Server;
    const key = randomBytes(32);
    const keyFile = path.join(folder, 'sse-key');
    fs.writeFileSync(keyFile, key);
    const encryption = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') };
    const bucket = await copyTo(tls, { ChecksumAlgorithm: 'CRC32', ...encryption });
    const env = { AWS_ACCESS_KEY_ID: PAYER, AWS_SECRET_ACCESS_KEY: PAYERS_SECRET };
    await demandPayment(bucket);
    try {
      await project.up();
      const url = ['-u', `s3://${bucket}/backups`, '--endpoint', tls.config.endpoint as string, '--ca-bundle', CA];
      const service = ['-v', 'db', '-n', 'db', '-f', project.file];
      const all = ['--requester-pays', '--sse-c-key-file', keyFile, '--checksums', 'supported'];
      const unpaid = await odo([...url, ...service, '--retry-for', '1'], { env });
      expect([unpaid.code, unpaid.stderr]).toEqual([11, expect.stringMatching(/access to .* is denied/)]);
      const sealed = await odo([...url, ...service, '--retry-for', '1', '--requester-pays'], { env });
      expect([sealed.code, sealed.stderr]).toEqual([2, expect.stringContaining('needs --sse-c-key-file')]);

      const { code, stdout, stderr } = await odo([...url, ...service, ...all, '--json'], { env });
      expect(code, stderr).toBe(0);
      expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
      for (const secret of [key.toString('base64'), key.toString('hex'), PAYERS_SECRET]) {
        expect(stdout + stderr).not.toContain(secret);
      }
    } finally {
      await project.down();
      await admin('user', 'rm', '--uid', PAYER);
    }
  });

  /** From now on another account may read the bucket, when it pays. */
  async function demandPayment(Bucket: string): Promise<void> {
    await admin(
      'user',
      'create',
      '--uid',
      PAYER,
      '--display-name',
      PAYER,
      '--access-key',
      PAYER,
      '--secret',
      PAYERS_SECRET,
    );
    const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
    const Principal = { AWS: [`arn:aws:iam:::user/${PAYER}`] };
    const Statement = [{ Effect: 'Allow', Principal, Action: ['s3:GetObject', 's3:ListBucket'], Resource }];
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
    await s3.send(new PutBucketRequestPaymentCommand({ Bucket, RequestPaymentConfiguration: { Payer: 'Requester' } }));
  }
});

/** The administration of the test command's S3 server. */
function admin(...args: string[]): Promise<string> {
  return mustRun('docker', ['exec', 'odo-parts-s3', 'radosgw-admin', '-c', '/data/ceph.conf', ...args]);
}
