export interface PaceOptions {
  /** What all parts together may hold. */
  windowBytes: number;
  /** Fixes the number of requests. */
  connections?: number | undefined;
  /** Fixes the size of a request. */
  partSizeBytes?: number | undefined;
}

/** How an object is cut into requests, by what the ones before have shown. */
export interface Pace {
  readonly partSizeBytes: number;
  readonly connections: number;
  /** Tells how long a request took from its first byte to its last, and in all. */
  finished(bytes: number, bodyMs: number, wholeMs: number): void;
  /** How long requests of that size take, as a rule; undefined before that is known. */
  usualMs(bytes: number): number | undefined;
}

/**
 * Long enough that the cost of a request does not count, short enough that many connections share the window where each
 * is slow.
 */
const PART_MS = 50;
const LEAST_PART_BYTES = 1 << 20;
const MOST_CONNECTIONS = 16;
const FIRST_CONNECTIONS = 8;
/** A large part is a quarter of the window at most, so that there is always one to take while others are under way. */
const LEAST_CONNECTIONS = 4;
/** What is known is the middle one of so many requests: one slow connection changes nothing. */
const REMEMBERED = 9;
const ENOUGH = 2;

/**
 * Fast connections get few and large parts, slow ones many and small. The rate is that of a body: what a server takes
 * to begin its answer is made up for by the other connections.
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
