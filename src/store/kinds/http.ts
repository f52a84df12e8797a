import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { cancelled, OdoError } from '../../errors.ts';
import { type Connection, createAgents } from '../network/connection.ts';
import { proxyTo } from '../network/proxy-choice.ts';
import { proxyFault } from '../network/proxy-fault.ts';
import { compareKeys } from '../objects/key-order.ts';
import type { ListedEntry, ListOptions, ObjectInfo, ObjectStore, ReadOptions } from '../objects/object-store.ts';
import { retrying } from '../reading/retry.ts';
import { cut, demandSuccess, describe, isForNow, translate, translateBody, versionOf } from './http-answers.ts';

export interface HttpConfig extends Connection {
  /**
   * URL of the folder that holds the objects, without a query. User and password in it are sent as Basic
   * authentication.
   */
  url: string;
  retryForMs?: number;
}

const IDLE_TIMEOUT_MS = 30_000;
const MAX_SOCKETS = 32;

/** The extensions that the objects of a set may have: those of stream/bytes/layers.ts, which a store does not know. */
export const EXTENSIONS = ['', '.gz', '.lz4', '.zst', '.bz2', '.xz', '.snappy'];
/** The names that are asked for one by one, since HTTP has no listing. */
const SET_NAMES = [
  'backup_manifest',
  ...['base.tar', 'pg_wal.tar'].flatMap((name) => EXTENSIONS.map((extension) => name + extension)),
];

/** Links on a page that lists a folder, as web servers make them; tablespaces have numbers for names. */
const LINK = /href="(?:\.\/)?((?:base|pg_wal|\d+)\.tar(?:\.[a-z0-9]+)?|backup_manifest)"/g;
/** How long a folder's page is asked for, by a server that cannot show it now. */
const PAGE_MS = 15_000;
const MAX_PAGE_BYTES = 1 << 20;

/**
 * A folder on a web server as a store of one pg_basebackup set. HTTP has no listing, so the names of a set's objects
 * are asked for one by one. The names of tablespaces come only from the page that the server may show for the folder.
 * Reads ask for ranges and are pinned to ETag or Last-Modified. A server without ranges is read by one request from the
 * beginning. If that request breaks off, it is made anew, and the bytes already read are skipped.
 */
export function createHttpStore(config: HttpConfig): ObjectStore {
  const root = new URL(config.url);
  const { username, password } = root;
  root.username = '';
  root.password = '';
  root.hash = '';
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  const shown = root.href.replace(/\/$/, '');
  const agents = createAgents(config, MAX_SOCKETS);
  let offersRanges: boolean | undefined;
  const authorization =
    username === '' && password === ''
      ? {}
      : {
          authorization:
            'Basic ' +
            `${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
        };

  function urlOf(key: string): URL {
    const url = new URL(root);
    url.pathname += key.split('/').map(encodeURIComponent).join('/');
    return url;
  }

  /** The answer to one request, with its body unread. */
  function request(
    method: 'HEAD' | 'GET',
    key: string,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const url = urlOf(key);
    const client = url.protocol === 'https:' ? https : http;
    const agent = url.protocol === 'https:' ? agents.httpsAgent : agents.httpAgent;
    return new Promise((resolve, reject) => {
      const sent = client.request(url, {
        method,
        agent,
        headers: { ...authorization, 'accept-encoding': 'identity', ...headers },
        timeout: IDLE_TIMEOUT_MS,
        ...(signal ? { signal } : {}),
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer in time'), { name: 'TimeoutError' })));
      sent.on('error', (error) => reject(proxyFault(error, config.proxies, { url: root.href }) ?? error));
      sent.on('response', (answer) => {
        const fault = proxyFault(undefined, config.proxies, { url: root.href, status: answer.statusCode });
        if (!fault) return resolve(answer);
        answer.resume();
        reject(fault);
      });
      sent.end();
    });
  }

  const fail = (error: unknown, key: string, signal?: AbortSignal) =>
    translate(error, `${shown}/${key}`, shown, signal);

  async function head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    if (key === '' || key.endsWith('/')) return undefined;
    const attempt = async (): Promise<ObjectInfo | undefined> => {
      try {
        const answer = await request('HEAD', key, {}, signal);
        answer.resume();
        if (answer.statusCode === 404 || answer.statusCode === 410) return undefined;
        demandSuccess(answer, `${shown}/${key}`);
        offersRanges = answer.headers['accept-ranges'] === 'bytes';
        return describe(key, answer, `${shown}/${key}`);
      } catch (error) {
        throw fail(error, key, signal);
      }
    };
    return retrying(attempt, { retryForMs: config.retryForMs ?? 15_000, signal });
  }

  /** The names that the page of the folder links to. Empty when the server shows no such page. */
  async function linkedNames(signal?: AbortSignal): Promise<string[]> {
    let isShown = true;
    const attempt = async (): Promise<string[]> => {
      isShown = true;
      const names = await linksNow(signal);
      isShown = names !== undefined;
      if (names) return names;
      throw new OdoError('storeUnreachable', `the server cannot show ${shown}/ now`);
    };
    try {
      return await retrying(attempt, { retryForMs: Math.min(config.retryForMs ?? PAGE_MS, PAGE_MS), signal });
    } catch (error) {
      // A server that never shows the page may serve files all the same.
      if (isShown) throw error;
      return [];
    }
  }

  /** undefined: the server may show the page in a moment. */
  async function linksNow(signal?: AbortSignal): Promise<string[] | undefined> {
    let page = '';
    try {
      const answer = await request('GET', '', {}, signal);
      if (answer.statusCode !== 200 || !answer.headers['content-type']?.startsWith('text/html')) {
        answer.destroy();
        return isForNow(answer.statusCode) ? undefined : [];
      }
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        page += chunk.toString('latin1');
        if (page.length > MAX_PAGE_BYTES) break;
      }
    } catch (error) {
      throw fail(error, '', signal);
    }
    return [...page.matchAll(LINK)].map(([, name]) => name as string);
  }

  async function* list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedEntry> {
    const { startAfter, signal } = options;
    if (signal?.aborted) throw cancelled(signal.reason);
    const names = [...new Set([...SET_NAMES, ...(await linkedNames(signal))])]
      .filter((name) => name.startsWith(prefix))
      .sort(compareKeys);
    const found = await Promise.all(names.map((name) => head(name, signal)));
    for (const info of found) {
      if (info && (startAfter === undefined || compareKeys(info.key, startAfter) > 0))
        yield { kind: 'object', ...info };
    }
  }

  async function read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { offset = 0, length, etag, signal } = options;
    if (signal?.aborted) throw cancelled(signal.reason);
    if (length === 0) return nothing();
    const range =
      offset === 0 && length === undefined
        ? {}
        : { range: `bytes=${offset}-${length === undefined ? '' : offset + length - 1}` };
    const name = `${shown}/${key}`;
    try {
      const answer = await request('GET', key, range, signal);
      if (answer.statusCode === 416) {
        answer.resume();
        return nothing();
      }
      if (answer.statusCode === 404 || answer.statusCode === 410) {
        answer.resume();
        throw new OdoError('notFound', `there is no ${name}`);
      }
      demandSuccess(answer, name);
      if (etag !== undefined && versionOf(answer) !== etag) {
        answer.destroy();
        throw new OdoError('dataCorrupt', `${name} changed while it was being read`, {
          hint: 'see what writes to it, then run again',
        });
      }
      const isPartial = answer.statusCode === 206;
      if (isPartial && !answer.headers['content-range']?.startsWith(`bytes ${offset}-`)) {
        answer.destroy();
        throw new OdoError('dataCorrupt', `the server answered with other bytes of ${name} than asked for`, {
          hint: 'the server, or a proxy before it, does not support Range requests',
        });
      }
      return translateBody(cut(answer, isPartial ? 0 : offset, length), (error) => fail(error, key, signal));
    } catch (error) {
      throw fail(error, key, signal);
    }
  }

  const proxy = proxyTo(root.href, config.proxies);
  return {
    url: shown,
    ...(proxy === undefined ? {} : { proxy }),
    ...(config.retryForMs === undefined ? {} : { retryForMs: config.retryForMs }),
    get isSequential() {
      return offersRanges === false;
    },
    list,
    head,
    read,
    close() {
      agents.httpAgent.destroy();
      agents.httpsAgent.destroy();
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
