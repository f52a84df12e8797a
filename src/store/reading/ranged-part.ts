import type { Pace } from './pace.ts';
import { explain, type Reading, requestRange } from './request-range.ts';
import { createBackoff, isRetryable } from './retry.ts';

/** One range of an object, being read. */
export interface RangedPart {
  offset: number;
  buffer: Buffer;
  /** The number of bytes at the beginning of the buffer that are there. */
  filled: number;
  /**
   * When the present request began. The time for which this thread was held up since is added. undefined when no
   * request is under way.
   */
  startedAt: number | undefined;
  /** Ends the first request once the second has brought the missing bytes. */
  overtaken?: AbortController;
  /** The second request, if one was made. */
  second?: Promise<void>;
  /** Ends the second request. */
  endSecond?: AbortController;
}

/** A part lags when it takes this many times as long as usual. */
const LAG_FACTOR = 4;
/** A part that has taken less time than this does not lag. */
const LEAST_LAG_MS = 500;

/** Reads a part, resuming until it is whole. */
export async function readPart(reading: Reading, part: RangedPart, pace: Pace): Promise<void> {
  const { retryForMs, onRetry, stopped } = reading;
  const overtaken = new AbortController();
  const stop = () => overtaken.abort();
  part.overtaken = overtaken;
  stopped.addEventListener('abort', stop);
  if (stopped.aborted) stop();
  const signal = overtaken.signal;
  const backoff = createBackoff({ retryForMs, signal, onRetry });
  try {
    for (;;) {
      try {
        await request(reading, part, signal, pace, backoff.progressed);
        return;
      } catch (error) {
        part.startedAt = undefined;
        const isOver = () => isWhole(part) && (isRetryable(error) || signal.aborted);
        if (isOver()) return;
        try {
          await backoff.pause(error);
        } catch (final) {
          if (isOver()) return;
          throw final === error ? explain(error, reading, part.offset + part.filled) : final;
        }
      }
    }
  } finally {
    stopped.removeEventListener('abort', stop);
    part.startedAt = undefined;
    part.endSecond?.abort();
    await part.second;
  }
}

/**
 * Asks for the rest of a part a second time when it lags. Both requests are pinned to one version of the object, so
 * they fill the buffer with the same bytes. The one that comes to the end first has brought the part.
 */
export function secondLagging(reading: Reading, part: RangedPart, pace: Pace): void {
  const usualMs = pace.usualMs(part.buffer.length);
  if (part.startedAt === undefined || part.second || usualMs === undefined || isWhole(part)) return;
  if (performance.now() - part.startedAt < Math.max(LEAST_LAG_MS, LAG_FACTOR * usualMs)) return;
  const end = new AbortController();
  part.endSecond = end;
  part.second = receive(reading, part, end.signal, () => {})
    .then(() => part.overtaken?.abort())
    // The first request goes on. If it meets the same fault, it throws the error.
    .catch(() => {});
}

async function request(
  reading: Reading,
  part: RangedPart,
  signal: AbortSignal,
  pace: Pace,
  onProgress: () => void,
): Promise<void> {
  const wantedBytes = part.buffer.length - part.filled;
  const startedAt = performance.now();
  let firstByteAt: number | undefined;
  part.startedAt = startedAt;
  await receive(reading, part, signal, () => {
    firstByteAt ??= performance.now();
    onProgress();
  });
  const now = performance.now();
  pace.finished(wantedBytes, now - (firstByteAt ?? startedAt), now - startedAt);
}

/** Makes one request for the bytes that the part lacks. */
async function receive(reading: Reading, part: RangedPart, signal: AbortSignal, onChunk: () => void): Promise<void> {
  const { buffer } = part;
  let position = part.filled;
  for await (const chunk of requestRange(
    { ...reading, stopped: signal },
    part.offset + position,
    buffer.length - position,
  )) {
    // The other request was faster: the buffer may already belong to the reader.
    if (position < part.filled && isWhole(part)) return;
    buffer.set(chunk, position);
    position += chunk.length;
    onChunk();
    giveBack(chunk);
    if (position <= part.filled) continue;
    reading.onBytes?.(position - part.filled);
    part.filled = position;
  }
}

/** Frees a chunk at once: left to the garbage collector, many megabytes would wait. */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

function isWhole({ buffer, filled }: RangedPart): boolean {
  return filled === buffer.length;
}
