import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyntheticObject } from './synthetic-bucket.ts';

export interface ListingServer {
  endpoint: string;
  /** What was asked so far. */
  counts(): { lists: number; reads: number; mostAtOnce: number };
  close(): Promise<void>;
}

const PAGE_KEYS = 1000;

/**
 * Answers ListObjectsV2 in pages of 1000 and GetObject for a bucket of names, on loopback, each after `delayMs`. The
 * keys must be in order. It is for sizes that no real server is filled with in a reasonable time; what a real one
 * answers is the other tests' matter.
 */
export async function startListingServer(objects: readonly SyntheticObject[], delayMs = 0): Promise<ListingServer> {
  const byKey = new Map(objects.filter(({ content }) => content !== undefined).map((object) => [object.key, object]));
  const count = { lists: 0, reads: 0, mostAtOnce: 0 };
  let underWay = 0;

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    underWay += 1;
    count.mostAtOnce = Math.max(count.mostAtOnce, underWay);
    if (delayMs > 0) await sleep(delayMs);
    const url = new URL(request.url ?? '', 'http://server');
    if (url.searchParams.get('list-type') === '2') {
      count.lists += 1;
      response.writeHead(200, { 'content-type': 'application/xml' }).end(listPage(objects, url.searchParams));
    } else {
      count.reads += 1;
      const object = byKey.get(decodeURIComponent(url.pathname.split('/').slice(2).join('/')));
      if (object?.content === undefined) response.writeHead(404).end();
      else response.writeHead(200, { 'content-length': object.content.length, etag: '"1"' }).end(object.content);
    }
    underWay -= 1;
  }

  const server = http.createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    counts: () => ({ ...count }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The continuation token is the last key or common prefix that was given. */
function listPage(objects: readonly SyntheticObject[], query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const rows: string[] = [];
  let last = '';
  let at = firstAfter(objects, after > prefix ? after : prefix, after > prefix && !after.endsWith('/'));
  if (after.endsWith('/')) at = firstAfter(objects, `${after.slice(0, -1)}0`, false);
  while (at < objects.length && rows.length < PAGE_KEYS) {
    const { key, sizeBytes, lastModified } = objects[at] as SyntheticObject;
    if (!key.startsWith(prefix)) break;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (end < 0) {
      last = key;
      const modified = `<LastModified>${lastModified.toISOString()}</LastModified>`;
      rows.push(`<Contents><Key>${key}</Key>${modified}<ETag>&quot;1&quot;</ETag><Size>${sizeBytes}</Size></Contents>`);
      at += 1;
    } else {
      last = key.slice(0, end + 1);
      rows.push(`<CommonPrefixes><Prefix>${last}</Prefix></CommonPrefixes>`);
      // '0' is the character after '/'
      at = firstAfter(objects, `${key.slice(0, end)}0`, false);
    }
  }
  const isTruncated = at < objects.length && (objects[at] as SyntheticObject).key.startsWith(prefix);
  const token = isTruncated ? `<NextContinuationToken>${last}</NextContinuationToken>` : '';
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<ListBucketResult><Name>bucket</Name><Prefix>${prefix}</Prefix>`,
    `<KeyCount>${rows.length}</KeyCount><MaxKeys>${PAGE_KEYS}</MaxKeys><IsTruncated>${isTruncated}</IsTruncated>`,
    token,
    ...rows,
    '</ListBucketResult>',
  ].join('');
}

/** The index of the first object whose key is `key` or comes after it; with `beyond`, only after it. */
function firstAfter(objects: readonly SyntheticObject[], key: string, beyond: boolean): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = (objects[middle] as SyntheticObject).key;
    if (other < key || (beyond && other === key)) low = middle + 1;
    else high = middle;
  }
  return low;
}
