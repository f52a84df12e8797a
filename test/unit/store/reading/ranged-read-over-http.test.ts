import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { ObjectStore } from '../../../../src/store/objects/object-store.ts';
import { type RangedReadOptions, readRanged } from '../../../../src/store/reading/ranged-read.ts';
import { createS3Store } from '../../../../src/store/s3/s3.ts';
import {
  type Answer,
  answerError,
  beginContent,
  type ScriptedServer,
  startScriptedServer,
} from '../../parts/scripted-s3.ts';

const content = randomBytes(300_000);
const object = { key: 'base.tar', sizeBytes: content.length, etag: 'e1' };
let server: ScriptedServer;
let store: ObjectStore;

afterEach(async () => {
  store.close();
  await server.close();
});

async function serve(answer: Answer): Promise<void> {
  server = await startScriptedServer(answer);
  store = createS3Store({
    bucket: 'backups',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    retryForMs: 30_000,
  });
}

async function read(options: RangedReadOptions = {}): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of readRanged(store, object, { partSizeBytes: 100_000, ...options })) parts.push(part);
  return Buffer.concat(parts);
}

test('resumes a part at its own offset after the connection was reset in the middle', async () => {
  await serve((request, response, count) => {
    const body = beginContent(request, response, content);
    if (count !== 1) return response.end(body);
    return response.write(body.subarray(0, 40_000), () => setTimeout(() => request.socket.resetAndDestroy(), 30));
  });
  expect(await read({ connections: 1 })).toEqual(content);
  expect(server.requests.filter((line) => line.endsWith('bytes=100000-199999'))).toHaveLength(1);
  // How much of the 40,000 bytes arrived before the reset is the network's affair.
  expect(server.requests[2]).toMatch(/bytes=1\d{5}-199999$/);
});

test('resumes after an answer that ended early without saying so', async () => {
  await serve((request, response, count) => {
    if (count > 0) return response.end(beginContent(request, response, content));
    response.writeHead(206, { 'content-range': `bytes 0-99999/${content.length}`, 'transfer-encoding': 'chunked' });
    return response.end(content.subarray(0, 12_345));
  });
  expect(await read({ connections: 1 })).toEqual(content);
  expect(server.requests[1]).toBe('GET /backups/base.tar?x-id=GetObject bytes=12345-99999');
});

test('asks again when nothing comes', async () => {
  let isToStall = false;
  await serve((request, response) => {
    const body = beginContent(request, response, content);
    if (!isToStall) return response.end(body);
    isToStall = false;
    return response.write(body.subarray(0, 10_000));
  });
  // The first request of a process takes its time, which is not the server's.
  await read({});
  isToStall = true;
  const retries: string[] = [];
  expect(await read({ stallTimeoutMs: 200, onRetry: (error) => retries.push(error.message) })).toEqual(content);
  expect(retries).toEqual(['s3://backups sent nothing for 200 ms']);
});

test('sits out 500 and 503', async () => {
  await serve((request, response, count) => {
    if (count < 4)
      return answerError(count % 2 ? 503 : 500, count % 2 ? 'SlowDown' : 'InternalError')(request, response, count);
    return response.end(beginContent(request, response, content));
  });
  expect(await read({ connections: 1 })).toEqual(content);
});

test('fails at once when access is denied in the middle', async () => {
  await serve((request, response, count) => {
    if (request.headers.range === 'bytes=200000-299999')
      return answerError(403, 'AccessDenied')(request, response, count);
    return response.end(beginContent(request, response, content));
  });
  await expect(read()).rejects.toMatchObject({
    code: 'accessDenied',
    message: 'access to s3://backups/base.tar is denied',
  });
});

test('fails at once when the object is gone, or another one', async () => {
  await serve(answerError(404, 'NoSuchKey'));
  await expect(read()).rejects.toMatchObject({ code: 'notFound', message: 'no object s3://backups/base.tar' });
  await server.close();
  await serve(answerError(412, 'PreconditionFailed'));
  await expect(read()).rejects.toMatchObject({ code: 'dataCorrupt' });
});

test('pins every request to the etag of the listing', async () => {
  const pins: unknown[] = [];
  await serve((request, response) => {
    pins.push(request.headers['if-match']);
    response.end(beginContent(request, response, content));
  });
  await read();
  expect(pins).toEqual(['"e1"', '"e1"', '"e1"']);
});

test('reads an object of one part with one plain GET', async () => {
  await serve((request, response) => response.end(beginContent(request, response, content)));
  expect(await read({ partSizeBytes: 300_000 })).toEqual(content);
  expect(server.requests).toEqual(['GET /backups/base.tar?x-id=GetObject']);
});

test('does not take other bytes than it asked for, from a server that ignores ranges', async () => {
  await serve((_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.end(content);
  });
  await expect(read()).rejects.toMatchObject({ code: 'dataCorrupt', message: expect.stringContaining('other bytes') });
});

test('says where it gave up when the budget is used up', async () => {
  await serve((request, response, count) => {
    if (count < 1) return response.end(beginContent(request, response, content));
    return request.socket.destroy();
  });
  await expect(read({ connections: 1, retryForMs: 300 })).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: `reading s3://backups/base.tar failed at byte 100000: cannot reach ${server.endpoint} (ECONNRESET)`,
  });
});
