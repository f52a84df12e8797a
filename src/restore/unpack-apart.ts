import { Worker } from 'node:worker_threads';
import { OdoError } from '../errors.ts';
import type { StoreConfig } from '../store/open.ts';
import type { RenewableKeys } from '../store/renewable-keys.ts';
import type { UnpackJob, UnpackOptions } from './unpack.ts';
import type { UnpackAnswer, UnpackRequest } from './unpack-protocol.ts';

/** A thread that reads and unpacks objects, one at a time, while this one writes. */
export interface UnpackingThread {
  /** As unpack() does it. A chunk is the taker's until it asks for the next. */
  unpack(job: UnpackJob, options?: UnpackOptions): AsyncGenerator<Buffer, void, void>;
  close(): Promise<void>;
}

/** Bundled, the program of the thread is in the same file as this; see entry.ts. */
const PROGRAM = import.meta.url.endsWith('.ts') ? new URL('./unpacking-thread.ts', import.meta.url) : new URL(import.meta.url);

/** What a thread may have of short-lived objects, which are small and many: by default three times as much, for nothing. */
const YOUNG_MIB = 8;

/** Starts a thread for objects of one store. Keys go to it in its memory alone, later ones too. */
export function startUnpackingThread(store: StoreConfig, keys?: RenewableKeys): UnpackingThread {
  const credentials = keys?.current();
  const worker = new Worker(PROGRAM, {
    workerData: { ...store, ...(credentials ? { credentials } : {}) },
    name: 'unpack',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const answers = listenTo(worker);
  const ask = (request: UnpackRequest) => worker.postMessage(request);
  const forget = keys?.onRenewal((credentials) => ask({ do: 'renew', credentials }));

  async function* unpack(job: UnpackJob, options: UnpackOptions = {}): AsyncGenerator<Buffer, void, void> {
    const { signal, onBytes, onRetry } = options;
    const stop = () => ask({ do: 'stop' });
    ask({ do: 'unpack', job });
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    let isOver = false;
    try {
      for (;;) {
        const answer = await answers.next();
        isOver = answer.is === 'end' || answer.is === 'error';
        if (answer.is === 'end') return;
        if (answer.is === 'error') throw errorOf(answer);
        if (answer.is === 'read') onBytes?.(answer.bytes);
        if (answer.is === 'retry') onRetry?.(OdoError.fromReport(answer.error), answer.delayMs);
        if (answer.is !== 'chunk') continue;
        const { buffer, byteOffset, byteLength } = answer.chunk;
        yield Buffer.from(buffer, byteOffset, byteLength);
        ask({ do: 'more' });
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      if (!isOver) stop();
      // The thread is free for another job when this one's last answer is there.
      while (!isOver) isOver = ['end', 'error'].includes((await answers.next()).is);
    }
  }

  return {
    unpack,
    async close() {
      forget?.();
      await worker.terminate();
    },
  };
}

/** The thread's answers, one after the other; when it dies, the last one is that for good. */
function listenTo(worker: Worker): { next(): Promise<UnpackAnswer> } {
  const queue: UnpackAnswer[] = [];
  let death: UnpackAnswer | undefined;
  let wake = () => {};
  const die = (stack?: string) => {
    death ??= { is: 'error', error: new OdoError('bug', 'a thread that unpacks the backup ended').report(), stack };
    wake();
  };
  worker.on('message', (answer: UnpackAnswer) => {
    queue.push(answer);
    wake();
  });
  worker.on('error', (error: unknown) => die(error instanceof Error ? error.stack : String(error)));
  worker.on('exit', () => die());
  return {
    async next() {
      for (;;) {
        const answer = queue.shift() ?? death;
        if (answer) return answer;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

function errorOf({ error, stack }: Extract<UnpackAnswer, { is: 'error' }>): OdoError {
  if (stack === undefined) return OdoError.fromReport(error);
  const cause = new Error(error.message);
  cause.stack = stack;
  return new OdoError(error.code, error.message, { hint: error.hint, cause });
}
