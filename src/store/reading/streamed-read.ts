import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts';
import { explain, type Reading, type ReadingOptions, requestRange, startReading } from './request-range.ts';
import { createBackoff, isRetryable } from './retry.ts';

/**
 * Reads an object, or a range of it, by one request, and hands on each chunk as it comes. Only the chunk is held, where
 * readRanged() buffers whole parts. Made for many objects that are read at once. Resumes and fails as readRanged()
 * does. Every yielded buffer is the caller's to keep.
 */
export function readStreamed(
  store: ObjectStore,
  object: ObjectInfo,
  options: ReadingOptions = {},
): AsyncGenerator<Buffer, void, void> {
  return startReading(store, object, options, readOn);
}

async function* readOn(reading: Reading): AsyncGenerator<Buffer, void, void> {
  const { start, end, retryForMs, onBytes, onRetry, stopped } = reading;
  const backoff = createBackoff({ retryForMs, signal: stopped, onRetry });
  let offset = start;
  while (offset < end) {
    try {
      for await (const chunk of requestRange(reading, offset, end - offset)) {
        if (chunk.length === 0) continue;
        offset += chunk.length;
        onBytes?.(chunk.length);
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
        // The budget counts from here: how long the taker was busy says nothing of the store.
        backoff.progressed();
      }
    } catch (error) {
      if (offset === end && isRetryable(error)) return;
      try {
        await backoff.pause(error);
      } catch (final) {
        throw final === error ? explain(error, reading, offset) : final;
      }
    }
  }
}
