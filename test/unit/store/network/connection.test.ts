import type { IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { createAgents, knowsProxies } from '../../../../src/store/network/connection.ts';
import { createS3Store } from '../../../../src/store/s3/s3.ts';
import type { S3Config } from '../../../../src/store/s3/s3-config.ts';
import { beginContent, type ScriptedServer, startScriptedServer } from '../../parts/scripted-s3.ts';

const LISTING = '<?xml version="1.0"?><ListBucketResult><Name>backups</Name><KeyCount>0</KeyCount></ListBucketResult>';
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
const content = Buffer.from('what the object holds');

let server: ScriptedServer;
let heads: IncomingMessage['headers'][];
afterEach(() => server?.close());

/** What a server that answers everything is asked for, in a listing, a HEAD and a GET. */
async function ask(config: (server: string) => Partial<S3Config>): Promise<string[]> {
  heads = [];
  server = await startScriptedServer((request, response) => {
    heads.push(request.headers);
    if (request.url?.includes('list-type')) response.end(LISTING);
    else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': content.length }).end();
    else response.end(beginContent(request, response, content));
  });
  const store = createS3Store({ bucket: 'backups', credentials, retryForMs: 0, ...config(server.endpoint) });
  try {
    for await (const _ of store.list('')) throw new Error('nothing was listed');
    await store.head('base.tar');
    for await (const chunk of await store.read('base.tar')) expect(Buffer.from(chunk).equals(content)).toBe(true);
  } finally {
    store.close();
  }
  return server.requests;
}

test('goes through the proxy of the environment, with the bucket in the host name', async () => {
  const requests = await ask((proxy) => ({
    endpoint: 'http://s3.example.invalid',
    pathStyle: false,
    proxies: { HTTP_PROXY: proxy },
  }));
  expect(requests).toHaveLength(3);
  for (const line of requests)
    expect(line).toMatch(/^(GET|HEAD) http:\/\/backups\.s3\.example\.invalid\/(base\.tar|\?)/);
});

test('goes through it with the bucket in the path', async () => {
  const requests = await ask((proxy) => ({ endpoint: 'http://s3.example.invalid', proxies: { HTTP_PROXY: proxy } }));
  for (const line of requests)
    expect(line).toMatch(/^(GET|HEAD) http:\/\/s3\.example\.invalid\/backups(\/base\.tar|\/?\?)/);
});

test('leaves the proxy out for hosts that NO_PROXY names', async () => {
  const requests = await ask((endpoint) => ({
    endpoint,
    proxies: { HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: 'example.com,127.0.0.1' },
  }));
  for (const line of requests) expect(line).toMatch(/^(GET|HEAD) \/backups/);
});

test('tells who pays, and the key that the objects are encrypted with', async () => {
  const sseCustomerKey = Buffer.alloc(32, 7).toString('base64');
  await ask((endpoint) => ({ endpoint, requesterPays: true, sseCustomerKey }));
  for (const headers of heads) expect(headers['x-amz-request-payer']).toBe('requester');
  for (const headers of heads.slice(1)) {
    expect(headers['x-amz-server-side-encryption-customer-algorithm']).toBe('AES256');
    expect(headers['x-amz-server-side-encryption-customer-key']).toBe(sseCustomerKey);
  }
});

test('says nothing of either when it was not told to', async () => {
  await ask((endpoint) => ({ endpoint }));
  for (const headers of heads) {
    expect(headers).not.toHaveProperty('x-amz-request-payer');
    expect(headers).not.toHaveProperty('x-amz-server-side-encryption-customer-key');
    expect(headers).not.toHaveProperty('x-amz-checksum-mode');
  }
});

test('asks for checksums where it is told to', async () => {
  await ask((endpoint) => ({ endpoint, checksums: 'supported' }));
  expect(heads.at(-1)).toHaveProperty('x-amz-checksum-mode', 'ENABLED');
});

test('refuses what is no proxy, without repeating it', () => {
  for (const HTTPS_PROXY of ['socks5://user:secret@127.0.0.1:1080', 'proxy.example.com:3128']) {
    expect(() => createAgents({ proxies: { HTTPS_PROXY } }, 1)).toThrow(
      expect.objectContaining({ code: 'usage', message: 'HTTPS_PROXY is not the URL of an HTTP proxy' }),
    );
  }
});

test.each([
  ['22.15.0', false],
  ['22.21.0', true],
  ['23.11.0', false],
  ['24.4.1', false],
  ['24.5.0', true],
  ['25.0.0', true],
])('knows that Node.js %s goes through proxies: %s', (version, expected) => {
  expect(knowsProxies(version)).toBe(expected);
});
