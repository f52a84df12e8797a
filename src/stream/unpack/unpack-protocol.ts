import type { ErrorReport } from '../../errors.ts';
import type { Layer } from '../bytes/layers.ts';
import { CHUNKS_HELD } from '../decode/inflate-ring.ts';

/** How many unpacked chunks may be on their way from a thread, so that it works on while one is being written. */
export const CHUNKS_UNDER_WAY = CHUNKS_HELD;

/** How many packed chunks a thread may have: the one it works at, and the one after it. */
export const PACKED_UNDER_WAY = 2;

/**
 * What an unpacking thread is told. One object at a time: its beginning, its packed chunks, and their end or that no
 * more will come; meanwhile, that another unpacked chunk may come, or that none is wanted.
 */
export type UnpackRequest =
  | { do: 'unpack'; layer: Layer; name: string }
  | { do: 'take'; packed: Uint8Array<ArrayBuffer> }
  | { do: 'end' }
  | { do: 'break' }
  | { do: 'more' }
  | { do: 'stop' };

/** What it answers. The last answer for an object is `end` or `error`. */
export type UnpackAnswer =
  | { is: 'chunk'; chunk: Uint8Array }
  | { is: 'used' }
  | { is: 'end' }
  | { is: 'error'; error: ErrorReport; stack?: string | undefined };
