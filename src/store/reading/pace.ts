export interface PaceOptions {
  /** The bytes that all parts together may hold. */
  windowBytes: number;
  /** Fixes the number of requests. */
  connections?: number | undefined;
  /** Fixes the size of a request. */
  partSizeBytes?: number | undefined;
}

/** How an object is cut into requests, judged by the requests before. */
export interface Pace {
  readonly partSizeBytes: number;
  readonly connections: number;
  /** Notes a finished request: `bodyMs` from its first byte to its last, `wholeMs` in all. */
  finished(bytes: number, bodyMs: number, wholeMs: number): void;
  /** The time that requests of that size usually take. undefined before it is known. */
  usualMs(bytes: number): number | undefined;
}

/**
 * The time that one part should take. It is long enough that the cost of a request does not count, and short enough
 * that many slow connections share the window.
 */
const PART_MS = 50;
const LEAST_PART_BYTES = 1 << 20;
const MOST_CONNECTIONS = 16;
const FIRST_CONNECTIONS = 8;
/**
 * The fewest connections, so that a part is at most a quarter of the window. One part can then always be taken while
 * others are under way.
 */
const LEAST_CONNECTIONS = 4;
/** How many requests are remembered. Their median counts, so that one slow connection changes nothing. */
const REMEMBERED = 9;
/** How many requests have to be known before their median counts. */
const ENOUGH = 2;

/**
 * Fast connections get few large parts, slow ones many small parts. The rate is that of a body: while a server begins
 * its answer, the other connections make up for it.
 */
export function createPace({ windowBytes, connections, partSizeBytes }: PaceOptions): Pace {
  const bodies: number[] = [];
  const wholes: number[] = [];
  const largest = Math.max(1, Math.floor(windowBytes / (connections ?? LEAST_CONNECTIONS)));
  const fixed = partSizeBytes ?? (connections === undefined ? undefined : largest);

  function adapted(): number {
    const msPerByte = middle(bodies);
    const wanted = msPerByte === undefined ? windowBytes / FIRST_CONNECTIONS : PART_MS / msPerByte;
    // Buffers of few sizes can take each other's place in memory.
    return 2 ** Math.floor(Math.log2(Math.min(Math.max(wanted, LEAST_PART_BYTES), largest)));
  }

  return {
    get partSizeBytes() {
      return fixed ?? adapted();
    },
    get connections() {
      return connections ?? Math.min(MOST_CONNECTIONS, Math.max(1, Math.floor(windowBytes / (fixed ?? adapted()))));
    },
    finished(bytes, bodyMs, wholeMs) {
      if (bytes === 0) return;
      remember(bodies, bodyMs / bytes);
      remember(wholes, wholeMs / bytes);
    },
    usualMs(bytes) {
      const msPerByte = middle(wholes);
      return msPerByte === undefined ? undefined : msPerByte * bytes;
    },
  };
}

function remember(list: number[], value: number): void {
  list.push(value);
  if (list.length > REMEMBERED) list.shift();
}

function middle(list: readonly number[]): number | undefined {
  if (list.length < ENOUGH) return undefined;
  return list.toSorted((one, other) => one - other)[list.length >> 1];
}
