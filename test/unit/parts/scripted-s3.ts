import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedServer {
  endpoint: string;
  /** The requests that came, as `GET /bucket/key bytes=0-9`. */
  requests: string[];
  close(): Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** An HTTP server on loopback that answers every request by `answer`, which also gets how many requests came before. */
export async function startScriptedServer(answer: Answer): Promise<ScriptedServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const range = request.headers.range;
    requests.push(`${request.method} ${request.url}${range === undefined ? '' : ` ${range}`}`);
    answer(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** An S3 error document; a HEAD gets its status only. */
export function answerError(status: number, code: string, extra = '', headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    response.end(
      request.method === 'HEAD'
        ? undefined
        : `<?xml version="1.0"?><Error><Code>${code}</Code><Message></Message>${extra}</Error>`,
    );
  };
}

/** The range that a request asks for, of an object of `size` bytes; `end` is exclusive. */
export function rangeOf(request: IncomingMessage, size: number): { start: number; end: number } {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? 'bytes=0-') ?? [];
  return { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) };
}

/** Begins a right answer for the range asked for and gives its bytes, for the script to send, or not. */
export function beginContent(request: IncomingMessage, response: ServerResponse, content: Buffer): Buffer {
  const { start, end } = rangeOf(request, content.length);
  const isPartial = request.headers.range !== undefined;
  response.writeHead(isPartial ? 206 : 200, {
    'content-length': end - start,
    etag: '"e1"',
    ...(isPartial ? { 'content-range': `bytes ${start}-${end - 1}/${content.length}` } : {}),
  });
  return content.subarray(start, end);
}
