import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAgents } from '../../../../src/store/network/connection.ts';
import { proxyTo } from '../../../../src/store/network/proxy-choice.ts';

let proxy: http.Server;
let host: string;
beforeAll(async () => {
  proxy = http.createServer((_request: IncomingMessage, response: ServerResponse) => response.end('by the proxy'));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterAll(() => {
  proxy.closeAllConnections();
  proxy.close();
});

/** No name leads anywhere, and no resolver is asked. */
const nowhere: LookupFunction = (name, _options, told) => told(new Error(`${name} is not known`), '');

/** Where Node's own agent goes with a request for this URL. */
function isProxied(url: string, NO_PROXY: string): Promise<boolean> {
  const { httpAgent } = createAgents({ proxies: { HTTP_PROXY: `http://${host}`, NO_PROXY } }, 1);
  return new Promise((resolve) => {
    const sent = http.get(url, { agent: httpAgent, lookup: nowhere }, (answer) => {
      answer.resume().on('end', () => resolve(true));
    });
    sent.on('error', () => resolve(false));
  }).finally(() => httpAgent.destroy()) as Promise<boolean>;
}

// Nobody listens at any of these.
test.each([
  ['http://store.invalid/', ''],
  ['http://store.invalid/', '*'],
  ['http://store.invalid/', 'other.invalid,STORE.invalid'],
  ['http://store.invalid/', 'tore.invalid'],
  ['http://store.invalid:81/', 'store.invalid:81'],
  ['http://store.invalid:81/', 'store.invalid:82'],
  ['http://store.invalid/', 'store.invalid:80'],
  ['http://s3.store.invalid/', '.store.invalid'],
  ['http://store.invalid/', '.store.invalid'],
  ['http://s3.store.invalid/', '*.store.invalid'],
  ['http://store.invalid/', '*.store.invalid'],
  ['http://s3.store.invalid/', 'store.invalid'],
  ['http://127.0.0.9:9/', '127.0.0.1-127.0.0.20'],
  ['http://127.0.0.9:9/', '127.0.0.10-127.0.0.20'],
  ['http://127.0.0.9:9/', '127.0.0.9'],
])('%s with the exceptions "%s" goes where Node goes', async (url, NO_PROXY) => {
  const proxies = { HTTP_PROXY: `http://name:hush@${host}`, NO_PROXY };
  expect(proxyTo(url, proxies)).toBe((await isProxied(url, NO_PROXY)) ? `http://${host}` : undefined);
});

test('each scheme has a proxy of its own', () => {
  const proxies = { HTTP_PROXY: 'http://plain:3128', HTTPS_PROXY: 'https://name:hush@secure:3129' };
  expect(proxyTo('http://store.invalid', proxies)).toBe('http://plain:3128');
  expect(proxyTo('https://store.invalid', proxies)).toBe('https://secure:3129');
  expect(proxyTo('https://store.invalid', { HTTP_PROXY: 'http://plain:3128' })).toBeUndefined();
  expect(proxyTo('https://store.invalid', undefined)).toBeUndefined();
});
