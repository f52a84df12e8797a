import type { IncomingMessage } from 'node:http';
import { cancelled, OdoError } from '../../errors.ts';
import type { ObjectInfo } from '../objects/object-store.ts';

// What a web server's answers mean.

/** The version of the object in an answer: its ETag, else its Last-Modified. */
export function versionOf({ headers }: IncomingMessage): string | undefined {
  return headers.etag?.replace(/^"|"$/g, '') ?? headers['last-modified'];
}

/** What an answer's headers tell of its object. Errors: `usage` when the size is not told. */
export function describe(key: string, answer: IncomingMessage, name: string): ObjectInfo {
  const sizeBytes = Number(answer.headers['content-length']);
  if (answer.headers['content-length'] === undefined || !Number.isSafeInteger(sizeBytes)) {
    throw new OdoError('usage', `the server does not tell the size of ${name}`, {
      hint: 'ODO has to know how much is to come; serve the folder as plain files, without compressing them on the way',
    });
  }
  const etag = versionOf(answer);
  const lastModified = new Date(answer.headers['last-modified'] ?? Number.NaN);
  return {
    key,
    sizeBytes,
    ...(etag === undefined ? {} : { etag }),
    ...(Number.isNaN(lastModified.getTime()) ? {} : { lastModified }),
  };
}

/** Whether the server may answer otherwise in a moment. */
export function isForNow(status = 0): boolean {
  return status === 429 || status >= 500;
}

/** Errors: what the status of an answer means that is no success. */
export function demandSuccess(answer: IncomingMessage, name: string): void {
  const status = answer.statusCode ?? 0;
  if (status === 200 || status === 206) return;
  answer.resume();
  if (status === 401 || status === 403) {
    throw new OdoError('accessDenied', `access to ${name} is denied (HTTP ${status})`, {
      hint: 'check user and password in the URL: https://user:password@host/…',
    });
  }
  if (status >= 300 && status < 400) {
    throw new OdoError('usage', `${name} has moved (HTTP ${status})`, { hint: 'give the URL that it has moved to' });
  }
  if (isForNow(status)) {
    throw new OdoError('storeUnreachable', `the server cannot serve ${name} now (HTTP ${status})`, {
      hint: 'run again in a while',
    });
  }
  throw new OdoError('usage', `the server refuses the request for ${name} (HTTP ${status})`, { hint: 'check the URL' });
}

/** Yields `length` bytes of a body, from its byte `skip` on. */
export async function* cut(
  answer: IncomingMessage,
  skip: number,
  length = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  let skipped = 0;
  let left = length;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const dropped = Math.min(skip - skipped, chunk.length);
    skipped += dropped;
    const wanted = chunk.subarray(dropped, Math.min(chunk.length, dropped + left));
    left -= wanted.length;
    // Chunks are empty while bytes are skipped. They show that the server still sends.
    yield wanted;
    if (left <= 0) return;
  }
}

/** A body whose errors are translated. */
export async function* translateBody(
  body: AsyncIterable<Uint8Array>,
  fail: (error: unknown) => OdoError,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw fail(error);
  }
}

/** The error for a request that failed on its way. */
export function translate(error: unknown, name: string, server: string, signal?: AbortSignal): OdoError {
  if (error instanceof OdoError) return error;
  if (signal?.aborted) return cancelled(error);
  const { code, message } = error as NodeJS.ErrnoException;
  const isTrust = /CERT|SIGNATURE|ISSUER|TLS|SELF_SIGNED/.test(code ?? '');
  return new OdoError('storeUnreachable', `cannot read ${name} (${code ?? message})`, {
    hint: isTrust
      ? 'give the file of the authority that signed its certificate with --ca-bundle'
      : `check the URL and that this machine reaches ${server}`,
    cause: error,
  });
}
