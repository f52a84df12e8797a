import type { ErrorReport } from '../errors.ts';
import type { S3Credentials } from '../store/s3-credentials.ts';
import { CHUNKS_HELD } from '../stream/inflate-ring.ts';
import type { UnpackJob } from './unpack.ts';

/** How many chunks may be on their way from an unpacking thread, so that it works on while one is being written. */
export const CHUNKS_UNDER_WAY = CHUNKS_HELD;

/** What an unpacking thread is told: one job at a time, for each chunk that another one may come, and other keys in place of those it has. */
export type UnpackRequest =
  | { do: 'unpack'; job: UnpackJob }
  | { do: 'more' }
  | { do: 'stop' }
  | { do: 'renew'; credentials: S3Credentials };

/** What it answers. The last answer to a job is `end` or `error`. */
export type UnpackAnswer =
  | { is: 'chunk'; chunk: Uint8Array }
  | { is: 'read'; bytes: number }
  | { is: 'retry'; error: ErrorReport; delayMs: number }
  | { is: 'end' }
  | { is: 'error'; error: ErrorReport; stack?: string | undefined };
