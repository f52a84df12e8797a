import type { ErrorReport } from '../../errors.ts';
import type { Layer } from '../bytes/layers.ts';
import { CHUNKS_HELD } from '../decode/inflate-ring.ts';

/** How many unpacked chunks may be on their way from a thread, so that it works on while one is being written. */
export const CHUNKS_UNDER_WAY = CHUNKS_HELD;

/** How many packed chunks a thread may have: the one it works at, and the one after it. */
export const PACKED_UNDER_WAY = 2;

/**
 * A request to an unpacking thread, which works at one object at a time. `unpack` begins an object, `take` brings a
 * packed chunk, `end` says that all have come, `break` that no more will come. `more` allows another unpacked chunk,
 * `stop` says that none is wanted.
 */
export type UnpackRequest =
  | { do: 'unpack'; layer: Layer; name: string }
  | { do: 'take'; packed: Uint8Array<ArrayBuffer> }
  | { do: 'end' }
  | { do: 'break' }
  | { do: 'more' }
  | { do: 'stop' };

/** An answer of the thread. The last answer for an object is `end` or `error`. */
export type UnpackAnswer =
  | { is: 'chunk'; chunk: Uint8Array }
  | { is: 'used' }
  | { is: 'end' }
  | { is: 'error'; error: ErrorReport; stack?: string | undefined };
