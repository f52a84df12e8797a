import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3_ENDPOINT } from './s3.ts';

/** What goes wrong with a request. Bytes are counted in each answer's body. */
export type Fault =
  | { do: 'answer'; status: number; code: string }
  /** The connection breaks after so many bytes; with `reset`, by a TCP reset. */
  | { do: 'cut'; afterBytes: number; reset?: boolean }
  /** A well-formed answer that holds fewer bytes than were asked for. */
  | { do: 'short'; bytes: number }
  /**
   * After so many bytes nothing comes any more, and the connection stays open; with `forMs` it goes on after that time.
   */
  | { do: 'stall'; afterBytes: number; forMs?: number }
  /** What lies at this offset of the whole object or beyond does not pass before then. */
  | { do: 'withhold'; fromByte: number; until: Promise<void> }
  /** A function is asked for each piece. */
  | { do: 'slow'; bytesPerSecond: number | (() => number) }
  /** The answer comes late. */
  | { do: 'wait'; forMs: number }
  /** One bit of the object is another: the lowest one of the byte at this offset of the whole object. */
  | { do: 'flip'; atByte: number }
  /** The server's clock is so far ahead of ours. */
  | { do: 'ahead'; byMs: number };

/**
 * Stands before the S3 server on a loopback address of its own and hands everything on, but for the faults it is told
 * to make.
 */
export interface FaultProxy {
  endpoint: string;
  /**
   * From now on, requests whose `METHOD /path` matches go wrong like this; the latest rule that has a fault for it
   * counts.
   */
  fault(match: RegExp, fault: Fault | (() => Fault | undefined)): void;
  /** Resolves when so many body bytes of matching requests have been handed on since the proxy started. */
  passed(match: RegExp, bytes: number): Promise<void>;
  /** How many matching requests have come, and how many body bytes of them have been handed on. */
  count(match: RegExp): { requests: number; bytes: number };
  /** For so long no byte of any answer passes. */
  hold(forMs: number): void;
  /** Every connection breaks; new ones are taken. */
  breakAll(): void;
  /** Nobody listens any more, and every connection breaks. */
  goAway(): Promise<void>;
  close(): Promise<void>;
}

/** The first request goes right: it is a proof's, which would refuse a restore before anything is touched. */
export function afterTheProof(fault: Fault): () => Fault | undefined {
  let requests = 0;
  return () => (requests++ === 0 ? undefined : fault);
}

const TICK_BYTES = 16 * 1024;

/**
 * @param admit is asked before all rules; what it has no fault for goes on without its signature, to a bucket that
 *   everybody may read: so the proxy
 *   stands for a server that has keys of its own
 */
export async function startFaultProxy(
  admit?: (request: http.IncomingMessage) => Fault | undefined,
): Promise<FaultProxy> {
  const upstream = new URL(S3_ENDPOINT);
  const rules: { match: RegExp; fault: Fault | (() => Fault | undefined) }[] = [];
  const passed = new Map<string, number>();
  const requests: string[] = [];
  const waiting = new Set<() => void>();
  let heldUntil = 0;

  /** The host header goes on as it came: it is part of what the client signed. */
  function handOn(request: http.IncomingMessage): Promise<http.IncomingMessage> {
    const { method, url } = request;
    const headers = admit ? withoutSignature(request.headers) : request.headers;
    const onward = http.request({
      host: upstream.hostname,
      port: upstream.port,
      method,
      path: url,
      headers,
      agent: false,
    });
    request.pipe(onward);
    return once(onward, 'response').then(([answer]) => answer as http.IncomingMessage);
  }

  function bytesOf(match: RegExp): number {
    return [...passed].reduce((total, [name, count]) => total + (match.test(name) ? count : 0), 0);
  }

  function faultFor(name: string): Fault | undefined {
    for (const { match, fault } of rules.toReversed()) {
      const found = match.test(name) ? (typeof fault === 'function' ? fault() : fault) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const name = `${request.method} ${request.url}`;
    requests.push(name);
    const fault = admit?.(request) ?? faultFor(name);
    if (fault?.do === 'wait') await sleep(fault.forMs);
    if (fault?.do === 'answer') {
      const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code></Error>`;
      response
        .writeHead(fault.status, { 'content-type': 'application/xml' })
        .end(request.method === 'HEAD' ? undefined : body);
      return;
    }
    const answer = await handOn(request);
    if (fault?.do === 'ahead') answer.headers.date = new Date(Date.now() + fault.byMs).toUTCString();
    response.writeHead(
      answer.statusCode ?? 502,
      fault?.do === 'short' ? shortened(answer.headers, fault.bytes) : answer.headers,
    );
    const firstByte = Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] ?? 0);
    let sent = 0;
    let stalled = false;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += TICK_BYTES) {
        if (heldUntil > performance.now()) await sleep(heldUntil - performance.now());
        if (response.destroyed) return;
        if (fault?.do === 'cut' && sent >= fault.afterBytes) {
          return void (fault.reset ? response.socket?.resetAndDestroy() : response.destroy());
        }
        if (fault?.do === 'short' && sent >= fault.bytes) return void response.end();
        if (fault?.do === 'stall' && sent >= fault.afterBytes && !stalled) {
          if (fault.forMs === undefined) return;
          stalled = true;
          await sleep(fault.forMs);
        }
        if (fault?.do === 'withhold' && firstByte + sent >= fault.fromByte) await fault.until;
        const atMost = fault?.do === 'short' ? Math.min(TICK_BYTES, fault.bytes - sent) : TICK_BYTES;
        const piece = chunk.subarray(at, at + atMost);
        const flipAt = fault?.do === 'flip' ? fault.atByte - firstByte - sent : -1;
        if (flipAt >= 0 && flipAt < piece.length) piece.writeUInt8(piece.readUInt8(flipAt) ^ 1, flipAt);
        if (fault?.do === 'slow') {
          const { bytesPerSecond } = fault;
          await sleep((1000 * piece.length) / (typeof bytesPerSecond === 'number' ? bytesPerSecond : bytesPerSecond()));
        }
        if (!response.write(piece) && !response.destroyed) await drained(response);
        sent += piece.length;
        passed.set(name, (passed.get(name) ?? 0) + piece.length);
        for (const look of waiting) look();
      }
    }
    response.end();
  }

  const server = http.createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.2');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;

  async function goAway(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    endpoint: `http://${address}:${port}`,
    fault(match, fault) {
      rules.push({ match, fault });
    },
    passed(match, bytes) {
      return new Promise((resolve) => {
        const look = () => {
          if (bytesOf(match) < bytes) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    count: (match) => ({ requests: requests.filter((name) => match.test(name)).length, bytes: bytesOf(match) }),
    hold(forMs) {
      heldUntil = performance.now() + forMs;
    },
    breakAll: () => server.closeAllConnections(),
    goAway,
    close: goAway,
  };
}

function withoutSignature(headers: http.IncomingHttpHeaders): http.IncomingHttpHeaders {
  const { authorization: _authorization, ...rest } = headers;
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('x-amz-')));
}

/** Until there is room again, or nobody who reads. */
async function drained(response: http.ServerResponse): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race(['drain', 'close'].map((name) => once(response, name, { signal }).catch(() => undefined)));
  stop.abort();
}

function shortened(headers: http.IncomingHttpHeaders, bytes: number): http.IncomingHttpHeaders {
  return { ...headers, 'content-length': String(Math.min(bytes, Number(headers['content-length'] ?? bytes))) };
}
