import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createHttpStore } from '../../../../src/store/kinds/http.ts';
import type { Proxies } from '../../../../src/store/network/connection.ts';
import { proxyFault } from '../../../../src/store/network/proxy-fault.ts';
import { createS3Store } from '../../../../src/store/s3/s3.ts';

const SERVER = { url: 'https://s3.example' };

let proxy: Server;
afterEach(() => {
  proxy?.closeAllConnections();
  proxy?.close();
});

/** A proxy that answers every CONNECT so; gives its address without a user. */
async function startProxy(answer: (socket: Socket) => void): Promise<string> {
  proxy = createServer().on('connect', (_request, socket) => answer(socket as Socket));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

const say = (status: string) => (socket: Socket) => socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);

/** How a HEAD through these proxies fails, at S3 and at a web server. */
async function failures(proxies: Proxies): Promise<unknown[]> {
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const s3 = createS3Store({
    bucket: 'backups',
    endpoint: 'https://s3.example.invalid',
    credentials,
    retryForMs: 0,
    proxies,
  });
  const web = createHttpStore({ url: 'https://web.example.invalid/set/', retryForMs: 0, proxies });
  try {
    return await Promise.all([s3, web].map((store) => store.head('base.tar').catch((error: unknown) => error)));
  } finally {
    s3.close();
    web.close();
  }
}

test.each([
  ['407 Proxy Authentication Required', 'accessDenied', 'refuses its user and password'],
  ['403 Forbidden', 'accessDenied', 'does not let through to the server (HTTP 403)'],
  ['502 Bad Gateway', 'storeUnreachable', 'does not let through to the server (HTTP 502)'],
])('a proxy that answers %s is %s', async (status, code, words) => {
  const host = await startProxy(say(status));
  for (const error of await failures({ HTTPS_PROXY: `http://name:hush@${host}` })) {
    expect(error).toMatchObject({ name: 'OdoError', code, message: `the proxy http://${host} ${words}` });
  }
});

test('a proxy that hangs up can be tried again', async () => {
  const host = await startProxy((socket) => socket.destroy());
  for (const error of await failures({ HTTPS_PROXY: `http://${host}` })) {
    expect(error).toMatchObject({
      code: 'storeUnreachable',
      message: expect.stringContaining(`the proxy http://${host} `),
    });
  }
});

test('a proxy that is not there is named', async () => {
  for (const error of await failures({ HTTPS_PROXY: 'http://name:hush@127.0.0.1:9' })) {
    expect(error).toMatchObject({
      code: 'storeUnreachable',
      message: 'cannot reach the proxy http://127.0.0.1:9 (ECONNREFUSED)',
    });
  }
});

test('a proxy that never answers is named, and not the server alone', async () => {
  const host = await startProxy(() => undefined);
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const proxies = { HTTPS_PROXY: `http://name:hush@${host}` };
  const store = createS3Store({
    bucket: 'backups',
    endpoint: 'https://s3.example.invalid',
    credentials,
    retryForMs: 0,
    proxies,
  });
  try {
    await expect(store.head('base.tar')).rejects.toMatchObject({
      code: 'storeUnreachable',
      message: `no answer in time from the proxy http://${host}, which is to lead to https://s3.example.invalid`,
      hint: expect.stringContaining('HTTPS_PROXY'),
    });
  } finally {
    store.close();
  }
});

test('an answer that does not come is missed from the proxy only where one is on the way', () => {
  const late = [
    Object.assign(new Error('no answer'), { name: 'TimeoutError' }),
    Object.assign(new Error('Connection to establish proxy tunnel timed out after 30000ms'), {
      code: 'ERR_PROXY_TUNNEL',
    }),
  ];
  const proxies = { HTTPS_PROXY: 'http://name:hush@proxy.example:3128' };
  for (const error of late) {
    expect(proxyFault(error, proxies, SERVER)).toMatchObject({
      code: 'storeUnreachable',
      message: 'no answer in time from the proxy http://proxy.example:3128, which is to lead to https://s3.example',
    });
    expect(proxyFault(error, { ...proxies, NO_PROXY: 's3.example' }, SERVER)).toBeUndefined();
    expect(proxyFault(error, proxies, { url: 'http://s3.example' })).toBeUndefined();
  }
});

test('a proxy whose name does not resolve is named', () => {
  const error = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND', hostname: 'proxy.example' });
  expect(proxyFault(error, { HTTPS_PROXY: 'http://name:hush@proxy.example:3128' }, SERVER)).toMatchObject({
    code: 'storeUnreachable',
    message: 'cannot reach the proxy http://proxy.example:3128 (ENOTFOUND)',
  });
});

test('what is wrong with the server is not blamed on the proxy', () => {
  const proxies = { HTTP_PROXY: 'http://127.0.0.4:3128', HTTPS_PROXY: 'http://127.0.0.4:3129' };
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', address: '127.0.0.1', port: 7480 });
  for (const error of [refused, new Error('?'), { $metadata: { httpStatusCode: 403 } }, undefined, 'text']) {
    expect(proxyFault(error, proxies, SERVER)).toBeUndefined();
  }
  expect(proxyFault(refused, { HTTP_PROXY: 'http://127.0.0.4:7480' }, SERVER)).toBeDefined();
  expect(proxyFault({ $metadata: { httpStatusCode: 407 } }, undefined, SERVER)).toBeUndefined();
});
