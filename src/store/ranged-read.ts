import type { ObjectInfo, ObjectStore } from './object-store.ts';
import { explain, type Reading, type ReadingOptions, requestRange, startReading } from './request-range.ts';
import { createBackoff, isRetryable } from './retry.ts';

export interface RangedReadOptions extends ReadingOptions {
  /** Requests under way at once (default 8). */
  connections?: number;
  /** Bytes per request (default 2 MiB). At most connections × partSizeBytes are held at a time, beside the buffer last yielded. */
  partSizeBytes?: number;
}

/**
 * Reads an object, or a range of it, by several requests at once, in order and pinned to the object's etag. Each part picks up where
 * it broke off after an early end, a stall, a reset or a server's error. Every yielded buffer is the caller's to keep.
 * Returning early aborts all requests. Errors: storeUnreachable when no byte came for retryForMs; dataCorrupt when the
 * object is no longer the one that was listed; whatever else the store throws, at once.
 */
export function readRanged(
  store: ObjectStore,
  object: ObjectInfo,
  options: RangedReadOptions = {},
): AsyncGenerator<Buffer, void, void> {
  const { connections = 8, partSizeBytes = 2 << 20 } = options;
  return startReading(store, object, options, (reading) => readParts(reading, connections, partSizeBytes));
}

async function* readParts(reading: Reading, connections: number, partSizeBytes: number): AsyncGenerator<Buffer, void, void> {
  const { start, end } = reading;
  const window: Promise<Buffer>[] = [];
  let offset = start;
  try {
    while (offset < end || window.length > 0) {
      while (offset < end && window.length < connections) {
        const part = readPart(reading, offset, Math.min(partSizeBytes, end - offset));
        part.catch(() => {}); // A part that fails while an earlier one is awaited must not count as unhandled.
        window.push(part);
        offset += partSizeBytes;
      }
      const part = await window[0];
      window.shift();
      if (part) yield part;
    }
  } finally {
    reading.stop();
    await Promise.allSettled(window);
  }
}

/** Reads `length` bytes at `offset`, resuming until they are all there. */
async function readPart(reading: Reading, offset: number, length: number): Promise<Buffer> {
  const { retryForMs, onBytes, onRetry, stopped } = reading;
  const buffer = Buffer.allocUnsafeSlow(length);
  const backoff = createBackoff({ retryForMs, signal: stopped, onRetry });
  let filled = 0;
  for (;;) {
    try {
      for await (const chunk of requestRange(reading, offset + filled, length - filled)) {
        buffer.set(chunk, filled);
        filled += chunk.length;
        backoff.progressed();
        onBytes?.(chunk.length);
      }
      return buffer;
    } catch (error) {
      if (filled === length && isRetryable(error)) return buffer;
      try {
        await backoff.pause(error);
      } catch (final) {
        throw final === error ? explain(error, reading, offset + filled) : final;
      }
    }
  }
}
