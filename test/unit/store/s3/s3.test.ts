import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ObjectStore } from '../../../../src/store/objects/object-store.ts';
import { createS3Store } from '../../../../src/store/s3/s3.ts';
import type { S3Config } from '../../../../src/store/s3/s3-config.ts';
import { type Answer, answerError, type ScriptedServer, startScriptedServer } from '../../parts/scripted-s3.ts';

let server: ScriptedServer | undefined;
let store: ObjectStore | undefined;

beforeEach(() => {
  // Nothing of the machine's own configuration, and no question to an instance's metadata service.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  store?.close();
  await server?.close();
  store = server = undefined;
});

async function open(answer: Answer, config: Partial<S3Config> = {}): Promise<ObjectStore> {
  server = await startScriptedServer(answer);
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  store = createS3Store({ bucket: 'backups', endpoint: server.endpoint, credentials, retryForMs: 0, ...config });
  return store;
}

async function list(from: ObjectStore): Promise<unknown[]> {
  const entries: unknown[] = [];
  for await (const entry of from.list('')) entries.push(entry);
  return entries;
}

test.each([
  [404, 'NoSuchBucket', 'notFound', /^no bucket backups at http/],
  [403, 'AccessDenied', 'accessDenied', /access to bucket backups is denied/],
  [403, 'InvalidAccessKeyId', 'accessDenied', /does not know the access key/],
  [403, 'SignatureDoesNotMatch', 'accessDenied', /secret key does not fit/],
  [400, 'ExpiredToken', 'accessDenied', /have expired/],
  [400, 'InvalidToken', 'accessDenied', /session token/],
  [403, 'RequestTimeTooSkewed', 'accessDenied', /clock/],
  [301, 'PermanentRedirect', 'usage', /another region/],
  [400, 'IllegalLocationConstraintException', 'usage', /another region/],
  [400, 'InvalidBucketName', 'usage', /not a valid bucket name/],
  [503, 'SlowDown', 'storeUnreachable', /SlowDown, HTTP 503/],
  [500, '', 'storeUnreachable', /HTTP 500/],
  [400, 'RequestTimeout', 'storeUnreachable', /RequestTimeout/],
] as const)('an answer of %i %s is %s', async (status, code, expected, message) => {
  const error = await list(await open(answerError(status, code))).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: expected, message: expect.stringMatching(message) });
});

test('names the region that the server names', async () => {
  const asked = await open(answerError(400, 'AuthorizationHeaderMalformed', '<Region>eu-central-1</Region>'), {
    region: 'us-east-1',
  });
  await expect(list(asked)).rejects.toMatchObject({
    code: 'usage',
    message: 'bucket backups is in region eu-central-1, not in us-east-1',
    hint: 'give -r eu-central-1',
  });
});

/** A bucket that is in eu-west-3, as the signature of a request shows whom it is asked of. */
const inParis =
  (refuse: Answer): Answer =>
  (request, response, count) => {
    if (request.headers.authorization?.includes('/eu-west-3/s3/')) {
      response.setHeader('etag', '"e1"');
      response.end(request.method === 'GET' ? page([['a']]) : undefined);
    } else refuse(request, response, count);
  };

test.each([
  ['a 301', answerError(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-west-3' })],
  ['a 307', answerError(307, 'TemporaryRedirect', '', { 'x-amz-bucket-region': 'eu-west-3' })],
  ['a refused signature', answerError(400, 'AuthorizationHeaderMalformed', '<Region>eu-west-3</Region>')],
])('goes to the region that %s names, once for all that is asked', async (_what, refuse) => {
  const asked = await open(inParis(refuse), { region: 'us-east-1' });
  expect(await Promise.all([list(asked), list(asked)])).toMatchObject([[{ key: 'a' }], [{ key: 'a' }]]);
  const before = server?.requests.length ?? 0;
  expect(before).toBeLessThanOrEqual(4);
  expect(await asked.head('a')).toMatchObject({ key: 'a', etag: 'e1' });
  expect(server?.requests.length).toBe(before + 1);
});

test('goes nowhere by a region that is none', async () => {
  const asked = await open(answerError(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'evil.example/x' }));
  await expect(list(asked)).rejects.toMatchObject({ code: 'usage' });
  expect(server?.requests).toHaveLength(1);
});

test('counts what was deleted and is kept, where it may ask', async () => {
  const marker = (key: string, isLatest: boolean, at: string) =>
    `<DeleteMarker><Key>${key}</Key><IsLatest>${isLatest}</IsLatest><LastModified>${at}</LastModified></DeleteMarker>`;
  const markers = [marker('p/a', true, '2026-11-01T00:00:00.000Z'), marker('p/a', false, '2026-10-01T00:00:00.000Z')];
  markers.push(marker('p/b', true, '2026-11-02T00:00:00.000Z'));
  const answers = [`<ListVersionsResult><IsTruncated>true</IsTruncated>${markers.join('')}</ListVersionsResult>`, ''];
  answers[1] =
    '<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>p/c</Key></Version></ListVersionsResult>';
  const asked = await open((request, response, count) => {
    if (count < 2) response.end(`<?xml version="1.0"?>${answers[count]}`);
    else answerError(403, 'AccessDenied')(request, response, count);
  });
  const lastAt = new Date('2026-11-02T00:00:00.000Z');
  expect(await asked.countDeleted?.('p/')).toEqual({ objects: 2, isMore: true, lastAt });
  expect(await asked.countDeleted?.('p/')).toBeUndefined();
  expect(await asked.countDeleted?.('p/')).toBeUndefined();
  expect(server?.requests[0]).toMatch(/versions.*prefix=p%2F|prefix=p%2F.*versions/);
});

test('goes by the region in the header where an answer has no body', async () => {
  const asked = await open(answerError(301, '', '', { 'x-amz-bucket-region': 'eu-west-3' }));
  await expect(asked.head('key')).rejects.toMatchObject({ code: 'usage', hint: 'give -r eu-west-3' });
});

test('a HEAD that is denied is not taken for a missing object', async () => {
  await expect((await open(answerError(403, ''))).head('key')).rejects.toMatchObject({
    code: 'accessDenied',
    message: 'access to s3://backups/key is denied',
  });
});

/** A page of a listing; the token of the next one, if there is one. */
function page(rows: readonly (readonly [key: string, storageClass?: string])[], next?: string): string {
  const contents = rows.map(
    ([key, storageClass = 'STANDARD']) =>
      `<Contents><Key>${key}</Key><Size>1</Size><StorageClass>${storageClass}</StorageClass></Contents>`,
  );
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return [
    '<?xml version="1.0"?>',
    `<ListBucketResult><Name>backups</Name><IsTruncated>${next !== undefined}</IsTruncated>`,
    more,
    ...contents,
    '</ListBucketResult>',
  ].join('');
}

test('a listing and a HEAD tell of an archive storage class, and a HEAD of what was brought back', async () => {
  const asked = await open((request, response, count) => {
    const restore =
      count < 2 ? {} : { 'x-amz-restore': 'ongoing-request="false", expiry-date="Fri, 1 Jan 2027 00:00:00 GMT"' };
    if (request.method === 'HEAD') response.writeHead(200, { 'x-amz-storage-class': 'GLACIER', ...restore }).end();
    else
      response.end(
        page([
          ['a', 'DEEP_ARCHIVE'],
          ['b', 'GLACIER_IR'],
          ['c', 'STANDARD_IA'],
        ]),
      );
  });
  expect(await list(asked)).toMatchObject([{ key: 'a', archived: 'DEEP_ARCHIVE' }, { key: 'b' }, { key: 'c' }]);
  expect(await asked.head('a')).toMatchObject({ archived: 'GLACIER' });
  expect((await asked.head('a'))?.archived).toBeUndefined();
});

test('rows that a server gives again are dropped', async () => {
  const pages = [page([['a'], ['b']], 't1'), page([['b'], ['c']], 't2'), page([['c'], ['d']])];
  const asked = await open((_, response, count) => response.end(pages[count]));
  expect(await list(asked)).toMatchObject([{ key: 'a' }, { key: 'b' }, { key: 'c' }, { key: 'd' }]);
});

test('a row at which the listing was to begin only behind it is dropped', async () => {
  const asked = await open((_, response) => response.end(page([['a'], ['b']])));
  const keys: string[] = [];
  for await (const entry of asked.list('', { startAfter: 'a' })) if (entry.kind === 'object') keys.push(entry.key);
  expect(keys).toEqual(['b']);
});

test('a listing that goes round in a circle is ended', async () => {
  const asked = await open((_, response) => response.end(page([['a'], ['b']], 'again')));
  await expect(list(asked)).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: expect.stringContaining('circle'),
  });
});

test('a key of the key service that may not be used is told from an object', async () => {
  const asked = await open((_, response) => {
    const words =
      'User: arn:aws:iam::1:user/odo is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu:1:key/2';
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>${words}</Message></Error>`);
  });
  await expect(asked.read('key')).rejects.toMatchObject({
    code: 'accessDenied',
    hint: expect.stringContaining('kms:Decrypt'),
  });
});

test('an archived object is told from a forbidden one', async () => {
  const asked = await open(answerError(403, 'InvalidObjectState'));
  await expect(asked.read('key')).rejects.toMatchObject({
    code: 'accessDenied',
    message: expect.stringContaining('archive storage class'),
  });
});

test.each(['<!doctype html><html><head><title>Console</title></head></html>', 'hello & <goodbye'])(
  'a web server is not taken for an empty bucket (%s)',
  async (page) => {
    const asked = await open((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
    await expect(list(asked)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('not as an S3 server'),
    });
  },
);

test('a gateway’s page in HTML is a server that cannot be reached', async () => {
  const asked = await open((_, response) =>
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad <b>gateway'),
  );
  await expect(list(asked)).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: expect.stringContaining('HTTP 502'),
  });
});

test('a listing and a HEAD survive failures that pass', async () => {
  const page =
    '<ListBucketResult><Name>backups</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>';
  const asked = await open(
    (request, response, count) => {
      if (count % 4 < 3)
        return count % 2 ? request.socket.destroy() : answerError(503, 'SlowDown')(request, response, count);
      return request.method === 'HEAD'
        ? response.writeHead(200, { 'content-length': 7, etag: '"e1"' }).end()
        : response.writeHead(200, { 'content-type': 'application/xml' }).end(page);
    },
    { retryForMs: 10_000 },
  );
  expect(await list(asked)).toEqual([]);
  expect(await asked.head('key')).toEqual({ key: 'key', sizeBytes: 7, etag: 'e1' });
});

test('no credentials at all', async () => {
  server = await startScriptedServer(answerError(500, ''));
  store = createS3Store({ bucket: 'backups', endpoint: server.endpoint, retryForMs: 0 });
  await expect(list(store)).rejects.toMatchObject({ code: 'accessDenied', message: 'no S3 credentials' });
  expect(server.requests).toEqual([]);
});

test('no region for Amazon', async () => {
  store = createS3Store({
    bucket: 'backups',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    retryForMs: 0,
  });
  await expect(list(store)).rejects.toMatchObject({
    code: 'usage',
    hint: expect.stringContaining('AWS_DEFAULT_REGION'),
  });
});

test.each(['127.0.0.1:7480', 'ftp://host', 'http://user:hunter2@host'])(
  'refuses the endpoint %s without repeating it',
  (endpoint) => {
    try {
      createS3Store({ bucket: 'backups', endpoint });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'usage', message: 'the endpoint is not a plain URL' });
    }
  },
);

test('tells how far the clock of the server is ahead, once it has answered', async () => {
  const aheadMs = 3_600_000;
  const asked = await open((_request, response) => {
    response.writeHead(404, { date: new Date(Date.now() + aheadMs).toUTCString() });
    response.end();
  });
  expect(asked.clockSkewMs).toBeUndefined();
  expect(await asked.head('none')).toBeUndefined();
  // A date has whole seconds.
  expect(asked.clockSkewMs).toBeGreaterThan(aheadMs - 60_000);
  expect(asked.clockSkewMs).toBeLessThanOrEqual(aheadMs);
});
