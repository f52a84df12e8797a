import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OdoError } from '../../../src/errors.ts';
import type { UnpackJob } from '../../../src/restore/unpack.ts';
import { startUnpackingThread, type UnpackingThread } from '../../../src/restore/unpack-apart.ts';
import { createRenewableKeys } from '../../../src/store/renewable-keys.ts';
import { scratchDirectory } from '../scratch-directory.ts';
import { answerError, beginContent, startScriptedServer } from '../store/scripted-s3.ts';

const plain = Buffer.concat([randomBytes(2_500_000), Buffer.alloc(6_000_000, 'PostgreSQL ')]);
const packed = gzipSync(plain);
let directory: string;
let thread: UnpackingThread;

beforeEach(() => {
  directory = scratchDirectory();
  thread = startUnpackingThread({ url: `file://${directory}`, pathStyle: false });
});
afterEach(() => thread.close());

function put(key: string, content: Buffer, codec: UnpackJob['codec']): UnpackJob {
  fs.writeFileSync(path.join(directory, key), content);
  return { object: { key, sizeBytes: content.length }, codec, name: `file:///somewhere/${key}` };
}

/** A chunk is the taker's until it asks for the next. */
async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const gathered: Buffer[] = [];
  for await (const chunk of chunks) gathered.push(Buffer.from(chunk));
  return Buffer.concat(gathered);
}

test('gives what the object holds, one object after the other, and counts what was read', async () => {
  for (const [codec, content] of [
    ['gzip', packed],
    ['none', plain],
    ['gzip', gzipSync('')],
  ] as const) {
    let readBytes = 0;
    const got = await gather(thread.unpack(put('object', content, codec), { onBytes: (bytes) => (readBytes += bytes) }));
    expect(got.equals(codec === 'none' ? plain : content === packed ? plain : Buffer.alloc(0))).toBe(true);
    expect(readBytes).toBe(content.length);
  }
});

test('its errors keep their code, message and hint, and it goes on with the next object', async () => {
  const damaged = Buffer.from(packed);
  damaged.writeUInt8(damaged.readUInt8(1_000_000) ^ 0xff, 1_000_000);
  const error = await gather(thread.unpack(put('damaged', damaged, 'gzip'))).catch((thrown: OdoError) => thrown);
  expect(error).toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining('file:///somewhere/damaged is damaged'),
    hint: expect.stringContaining('choose another backup'),
  });
  await expect(
    gather(thread.unpack({ ...put('there', packed, 'gzip'), object: { key: 'gone', sizeBytes: 9 } })),
  ).rejects.toMatchObject({
    code: 'notFound',
  });
  expect((await gather(thread.unpack(put('whole', packed, 'gzip')))).equals(plain)).toBe(true);
});

test('stops when its reader does, and is free for another object then', async () => {
  const job = put('object', packed, 'gzip');
  for await (const chunk of thread.unpack(job)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  expect((await gather(thread.unpack(job))).equals(plain)).toBe(true);
});

test('is cancelled by the signal, before and in the middle', async () => {
  const job = put('object', packed, 'gzip');
  const controller = new AbortController();
  const taking = thread.unpack(job, { signal: controller.signal });
  await taking.next();
  controller.abort();
  await expect(gather(taking)).rejects.toMatchObject({ code: 'cancelled' });
  await expect(gather(thread.unpack(job, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: 'cancelled' });
});

test('a thread that dies is an error, not a wait for ever', async () => {
  const taking = thread.unpack(put('object', packed, 'gzip'));
  await taking.next();
  await thread.close();
  await expect(gather(taking)).rejects.toMatchObject({ code: 'bug', message: expect.stringContaining('thread') });
});

test('reads from S3 with the keys that it is given, and tells what it tries again', async () => {
  const server = await startScriptedServer((request, response, count) => {
    // There are two requests, and the SDK tries each twice by itself.
    if (count < 4) return answerError(503, 'SlowDown')(request, response, count);
    expect(request.headers.authorization).toContain('Credential=some-key/');
    return response.end(beginContent(request, response, packed));
  });
  const remote = startUnpackingThread({
    url: 's3://backups',
    endpoint: server.endpoint,
    pathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'some-key', secretAccessKey: 'some-secret' },
    retryForMs: 30_000,
  });
  try {
    const retries: OdoError[] = [];
    const job: UnpackJob = {
      object: { key: 'base.tar.gz', sizeBytes: packed.length },
      codec: 'gzip',
      name: 's3://backups/base.tar.gz',
    };
    const got = await gather(remote.unpack(job, { onRetry: (error) => retries.push(error) }));
    expect(got.equals(plain)).toBe(true);
    expect(retries[0]).toMatchObject({ code: 'storeUnreachable' });
  } finally {
    await remote.close();
    await server.close();
  }
});

test('signs with the latest keys', async () => {
  const signedBy: string[] = [];
  const server = await startScriptedServer((request, response) => {
    signedBy.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    return response.end(beginContent(request, response, packed));
  });
  const expiresAt = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
  const keys = createRenewableKeys();
  const credentials = { accessKeyId: 'first', secretAccessKey: 'secret', expiresAt: expiresAt(1) };
  keys.renew(credentials);
  const store = { url: 's3://backups', endpoint: server.endpoint, region: 'us-east-1', credentials };
  const remote = startUnpackingThread(store, keys);
  try {
    const job: UnpackJob = { object: { key: 'base.tar.gz', sizeBytes: packed.length }, codec: 'gzip', name: 'base' };
    for (const accessKeyId of ['first', 'second']) {
      keys.renew({ ...credentials, accessKeyId, expiresAt: expiresAt(2) });
      signedBy.length = 0;
      await gather(remote.unpack(job));
      expect(new Set(signedBy)).toEqual(new Set([accessKeyId]));
    }
    // What was sent first and comes last does not count.
    keys.renew({ ...credentials, accessKeyId: 'outdated', expiresAt: expiresAt(1) });
    expect(keys.current()).toMatchObject({ accessKeyId: 'second' });
  } finally {
    await remote.close();
    await server.close();
  }
});
