import type { ObjectInfo, ObjectStore } from '../objects/object-store.ts';
import { createPace, type Pace } from './pace.ts';
import { type RangedPart, readPart, secondLagging } from './ranged-part.ts';
import { type Reading, type ReadingOptions, startReading } from './request-range.ts';
import { readStreamed } from './streamed-read.ts';

export interface RangedReadOptions extends ReadingOptions {
  /**
   * The bytes held at a time, beside the buffer last yielded. Default 16 MiB, or connections × partSizeBytes where both
   * are given.
   */
  windowBytes?: number | undefined;
  /** Requests under way at once; by default as many as suit the measured rate (see pace.ts). */
  connections?: number | undefined;
  /** Bytes per request; by default as many as suit the measured rate. */
  partSizeBytes?: number | undefined;
}

const WINDOW_BYTES = 16 << 20;
const LOOK_EVERY_MS = 100;

/**
 * Reads an object, or a range of it, by several requests at once, in order and pinned to the object's etag. A part
 * resumes where it broke off after an early end, a stall, a reset or a server's error. A part that lags far behind the
 * others is asked for a second time, and the first answer counts. Every yielded buffer is the caller's to keep. A store
 * that cannot begin in the middle is read by one request. Returning early aborts all requests. `storeUnreachable` when
 * no byte came for retryForMs. `dataCorrupt` when the object is no longer the one that was listed. Any other error of
 * the store is thrown at once.
 */
export function readRanged(
  store: ObjectStore,
  object: ObjectInfo,
  options: RangedReadOptions = {},
): AsyncGenerator<Buffer, void, void> {
  if (store.isSequential) return readStreamed(store, object, options);
  const { connections, partSizeBytes } = options;
  const windowBytes =
    options.windowBytes ??
    (connections !== undefined && partSizeBytes !== undefined ? connections * partSizeBytes : WINDOW_BYTES);
  const pace = createPace({ windowBytes, connections, partSizeBytes });
  return startReading(store, object, options, (reading) => readParts(reading, pace, windowBytes));
}

async function* readParts(reading: Reading, pace: Pace, windowBytes: number): AsyncGenerator<Buffer, void, void> {
  const { start, end, stopped } = reading;
  const window: { part: RangedPart; isRead: Promise<void> }[] = [];
  let offset = start;
  let heldBytes = 0;
  let underWay = 0;

  function fillWindow(): void {
    while (offset < end && underWay < pace.connections && !stopped.aborted) {
      const length = Math.min(pace.partSizeBytes, end - offset);
      if (heldBytes > 0 && heldBytes + length > windowBytes) return;
      const part: RangedPart = { offset, buffer: Buffer.allocUnsafeSlow(length), filled: 0, startedAt: undefined };
      const isRead = readPart(reading, part, pace).finally(() => {
        underWay -= 1;
        fillWindow();
      });
      isRead.catch(() => {}); // A part that fails while an earlier one is awaited must not count as unhandled.
      window.push({ part, isRead });
      offset += length;
      heldBytes += length;
      underWay += 1;
    }
  }

  let lookedAt = performance.now();
  const look = setInterval(() => {
    const now = performance.now();
    // A slow disk can hold this thread up. What waits for it meanwhile is not the connection's fault.
    const heldUpMs = Math.max(0, now - lookedAt - LOOK_EVERY_MS);
    lookedAt = now;
    for (const { part } of window) {
      if (part.startedAt !== undefined) part.startedAt += heldUpMs;
      secondLagging(reading, part, pace);
    }
  }, LOOK_EVERY_MS);
  try {
    for (;;) {
      fillWindow();
      const next = window[0];
      if (!next) return;
      await next.isRead;
      window.shift();
      const { buffer } = next.part;
      heldBytes -= buffer.length;
      yield buffer;
    }
  } finally {
    clearInterval(look);
    reading.stop();
    await Promise.allSettled(window.map(({ isRead }) => isRead));
  }
}
