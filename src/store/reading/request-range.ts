import { cancelled, OdoError } from '../../errors.ts';
import { isInReceiveBuffer } from '../network/receive-buffer.ts';
import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts';

const DEFAULT_RETRY_FOR_MS = 600_000;
const DEFAULT_STALL_TIMEOUT_MS = 30_000;

/** Options of every way of reading an object. */
export interface ReadingOptions {
  /** First byte wanted (default 0). */
  offset?: number;
  /** How many bytes are wanted; to the end when not given. */
  length?: number;
  /** How long a read goes on without a single new byte before it fails. Default: as the store says, else 600,000. */
  retryForMs?: number;
  /** A request that brings no byte for this long is given up and made again. Default 30,000. */
  stallTimeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Told of every chunk that arrives; no byte is counted twice. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** Told before each pause that precedes another attempt. */
  onRetry?: ((error: OdoError, delayMs: number) => void) | undefined;
}

/** One read of an object, with all of its requests. */
export interface Reading extends ReadingOptions {
  store: ObjectStore;
  object: ObjectInfo;
  /** The first byte that is read. */
  start: number;
  /** The first byte behind the range that is read. */
  end: number;
  retryForMs: number;
  stallTimeoutMs: number;
  /** Fires with the caller's signal, when the caller stops early, and with stop(). */
  stopped: AbortSignal;
  /** Aborts all requests. */
  stop(): void;
}

/**
 * Makes a generator of a read's requests. The caller's signal, or returning early, aborts them all. Without this, a
 * generator's return would wait for its pending await, which takes minutes on a dead network.
 */
export function startReading(
  store: ObjectStore,
  object: ObjectInfo,
  options: ReadingOptions,
  requests: (reading: Reading) => AsyncGenerator<Buffer, void, void>,
): AsyncGenerator<Buffer, void, void> {
  const stop = new AbortController();
  const start = Math.min(options.offset ?? 0, object.sizeBytes);
  const reading: Reading = {
    ...options,
    onRetry: options.onRetry ?? store.onRetry,
    store,
    object,
    start,
    end: Math.min(start + (options.length ?? Number.POSITIVE_INFINITY), object.sizeBytes),
    retryForMs: options.retryForMs ?? store.retryForMs ?? DEFAULT_RETRY_FOR_MS,
    stallTimeoutMs: options.stallTimeoutMs ?? DEFAULT_STALL_TIMEOUT_MS,
    stopped: stop.signal,
    stop: () => stop.abort(),
  };
  const generator = untilStopped(reading, requests);
  const finish = generator.return.bind(generator);
  generator.return = (value) => {
    reading.stop();
    return finish(value);
  };
  return generator;
}

async function* untilStopped(
  reading: Reading,
  requests: (reading: Reading) => AsyncGenerator<Buffer, void, void>,
): AsyncGenerator<Buffer, void, void> {
  const { signal, stop } = reading;
  signal?.addEventListener('abort', stop);
  try {
    if (signal?.aborted) throw cancelled(signal.reason);
    yield* requests(reading);
  } finally {
    stop();
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * Makes one request for `length` bytes at `offset`. Chunks come as they arrive, and no more are read than are taken.
 * The time in which the taker is busy does not count as a stall. `storeUnreachable` when no byte comes for
 * stallTimeoutMs, or when the answer ends early. `dataCorrupt` when the answer is too long.
 */
export async function* requestRange(
  reading: Reading,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array, void, void> {
  const { store, object, stopped, stallTimeoutMs } = reading;
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  stopped.addEventListener('abort', abort);
  if (stopped.aborted) abort();
  let isStalled = false;
  let isTaken = false;
  let received = 0;
  const watch = setTimeout(() => {
    // If this process itself was held up, bytes may be waiting. The event loop reads them first.
    const before = received;
    setImmediate(() => {
      if (received !== before || isTaken) return;
      isStalled = true;
      abort();
    });
  }, stallTimeoutMs);
  try {
    const isWhole = offset === 0 && length === object.sizeBytes;
    const range = isWhole ? {} : { offset, length };
    const pin = object.etag === undefined ? {} : { etag: object.etag };
    for await (const chunk of await store.read(object.key, { ...range, ...pin, signal: attempt.signal })) {
      if (isInReceiveBuffer(chunk)) throw new Error('the bytes of an answer lie where the next ones will come');
      received += chunk.length;
      if (received > length) throw tooLong(reading);
      isTaken = true;
      yield chunk;
      isTaken = false;
      watch.refresh();
    }
  } catch (error) {
    if (stopped.aborted) throw cancelled(error);
    if (isStalled) {
      const way = store.proxy === undefined ? '' : ` through the proxy ${store.proxy}`;
      throw new OdoError('storeUnreachable', `${store.url} sent nothing${way} for ${stallTimeoutMs} ms`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(watch);
    stopped.removeEventListener('abort', abort);
  }
  if (received < length) {
    throw new OdoError('storeUnreachable', `${store.url} ended the answer ${length - received} bytes early`);
  }
}

/** The final error of a read, with the place where it gave up. */
export function explain(error: unknown, reading: Reading, offset: number): unknown {
  if (!(error instanceof OdoError) || error.code !== 'storeUnreachable') return error;
  return new OdoError('storeUnreachable', `reading ${nameOf(reading)} failed at byte ${offset}: ${error.message}`, {
    hint: error.hint,
    cause: error,
  });
}

function tooLong(reading: Reading): OdoError {
  return new OdoError(
    'dataCorrupt',
    `${nameOf(reading)} is longer than the ${reading.object.sizeBytes} bytes it was listed with`,
    {
      hint: 'see what writes to the store, then run again',
    },
  );
}

function nameOf({ store, object }: Reading): string {
  return `${store.url}/${object.key}`;
}
