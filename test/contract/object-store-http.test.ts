import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpStore } from '../../src/store/kinds/http.ts';
import type { ListedEntry } from '../../src/store/objects/object-store.ts';
import { readRanged } from '../../src/store/reading/ranged-read.ts';
import { objectStoreContract } from './object-store.contract.ts';

interface WebServer {
  url: string;
  files: Map<string, Buffer>;
  requests: string[];
  close(): Promise<void>;
}

interface Habits {
  ranges: boolean;
  /** Shows a page with links for the folder. */
  index?: boolean;
  /** Cannot show that page so many times. */
  busy?: number;
  /** Ends a body after so many bytes, while it returns a number. */
  breakAfter?: () => number | undefined;
}

/** Serves what is in `files` below /sets/shop/, as web servers serve files. */
async function startWebServer({ ranges, index, busy = 0, breakAfter }: Habits): Promise<WebServer> {
  const files = new Map<string, Buffer>();
  const requests: string[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    const key = decodeURIComponent((request.url ?? '').replace(/^\/sets\/shop\//, ''));
    if (key === '' && index && busy-- > 0) return void response.writeHead(503).end();
    if (key === '' && index) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      return void response.end(
        [...files.keys()].map((name) => `<a href="${encodeURIComponent(name)}">${name}</a>`).join('\n'),
      );
    }
    const content = files.get(key);
    if (!content) return void response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>no such page</h1>');
    const etag = `"${createHash('sha1').update(content).digest('hex')}"`;
    const common = { etag, 'last-modified': new Date().toUTCString(), ...(ranges ? { 'accept-ranges': 'bytes' } : {}) };
    const [, first, last] = (ranges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')) || [];
    const start = Number(first ?? 0);
    const end = Math.min(content.length, last ? Number(last) + 1 : content.length);
    if (first !== undefined && start >= content.length) return void response.writeHead(416).end();
    const partial = first === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${content.length}` };
    response.writeHead(first === undefined ? 200 : 206, { ...common, ...partial, 'content-length': end - start });
    if (request.method === 'HEAD') return void response.end();
    const breakAt = breakAfter?.();
    if (breakAt === undefined) return void response.end(content.subarray(start, end));
    response.write(content.subarray(start, Math.min(end, start + breakAt)), () => response.destroy());
  };
  const server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sets/shop`,
    files,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const ranges of [true, false]) {
  objectStoreContract(
    ranges ? 'a web server' : 'a web server without ranges',
    async () => {
      const server = await startWebServer({ ranges });
      return {
        store: createHttpStore({ url: server.url, retryForMs: 0 }),
        missing: createHttpStore({ url: `${server.url}-missing`, retryForMs: 0 }),
        put: async (key, content) => void server.files.set(key, content),
        remove: () => server.close(),
      };
    },
    { listsSetsOnly: true },
  );
}

describe('a web server with a set', () => {
  let server: WebServer;
  afterEach(() => server.close());

  async function keysOf(url = server.url, retryForMs = 0): Promise<string[]> {
    const store = createHttpStore({ url, retryForMs });
    const entries: ListedEntry[] = [];
    for await (const entry of store.list('', { delimiter: '/' })) entries.push(entry);
    store.close();
    return entries.map((entry) => (entry.kind === 'object' ? entry.key : entry.prefix));
  }

  test('is asked for the names that a set’s objects have', async () => {
    server = await startWebServer({ ranges: true });
    for (const key of ['base.tar.zst', 'pg_wal.tar', 'backup_manifest', '16384.tar'])
      server.files.set(key, Buffer.from(key));
    expect(await keysOf()).toEqual(['backup_manifest', 'base.tar.zst', 'pg_wal.tar']);
  });

  test('shows tablespaces where it shows the folder', async () => {
    server = await startWebServer({ ranges: true, index: true });
    for (const key of ['base.tar', '16384.tar', '16385.tar.gz', 'notes.txt']) server.files.set(key, Buffer.from(key));
    expect(await keysOf()).toEqual(['16384.tar', '16385.tar.gz', 'base.tar']);
  });

  test('shows tablespaces when it can show the folder a moment later, and files when it never can', async () => {
    for (const [busy, keys] of [
      [1, ['16384.tar', 'base.tar']],
      [Number.POSITIVE_INFINITY, ['base.tar']],
    ] as const) {
      server = await startWebServer({ ranges: true, index: true, busy });
      for (const key of ['base.tar', '16384.tar']) server.files.set(key, Buffer.from(key));
      expect(await keysOf(server.url, 1500)).toEqual(keys);
      await server.close();
    }
  });

  test('is never shown with the password that reaches it', async () => {
    server = await startWebServer({ ranges: true });
    const store = createHttpStore({ url: server.url.replace('//', '//user:hunter2@'), retryForMs: 0 });
    expect(store.url).toBe(server.url);
    await expect(store.read('gone')).rejects.toMatchObject({ message: `there is no ${server.url}/gone` });
    store.close();
  });

  test('is read to the end without ranges, though it breaks off', async () => {
    let left = 3;
    server = await startWebServer({ ranges: false, breakAfter: () => (left-- > 0 ? 400_000 * (3 - left) : undefined) });
    const content = Buffer.from(Array.from({ length: 2_000_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
    server.files.set('base.tar', content);
    const store = createHttpStore({ url: server.url, retryForMs: 30_000 });
    const object = await store.head('base.tar');
    if (!object) throw new Error('it is not there');
    const chunks: Buffer[] = [];
    for await (const chunk of readRanged(store, object)) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(server.requests.filter((line) => line.startsWith('GET'))).toHaveLength(4);
    store.close();
  });

  test('gives up on one that breaks off at the same place again and again', async () => {
    server = await startWebServer({ ranges: false, breakAfter: () => 1000 });
    server.files.set('base.tar', Buffer.alloc(5000, 7));
    const store = createHttpStore({ url: server.url, retryForMs: 1500 });
    const object = await store.head('base.tar');
    if (!object) throw new Error('it is not there');
    const read = async () => {
      for await (const _ of readRanged(store, object));
    };
    await expect(read()).rejects.toMatchObject({ code: 'storeUnreachable' });
    store.close();
  });
});
