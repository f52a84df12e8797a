import { parentPort, workerData } from 'node:worker_threads';
import { asOdoError, cancelled } from '../errors.ts';
import { openStore, type StoreConfig } from '../store/open.ts';
import { createRenewableKeys } from '../store/renewable-keys.ts';
import { type UnpackJob, unpack } from './unpack.ts';
import { CHUNKS_UNDER_WAY, type UnpackAnswer, type UnpackRequest } from './unpack-protocol.ts';

// The thread's side of unpack-apart.ts: it reads objects, unpacks them and hands the chunks over.

const TELL_EVERY_MS = 100;

if (!parentPort) throw new Error('this is the program of a thread');
const port = parentPort;
const keys = createRenewableKeys();
const { store } = openStore(workerData as StoreConfig, keys);
store.onRetry = (error, delayMs) => answer({ is: 'retry', error: error.report(), delayMs });

let stop = new AbortController();
let allowed = CHUNKS_UNDER_WAY;
let wake = () => {};

port.on('message', (request: UnpackRequest) => {
  if (request.do === 'unpack') void work(request.job);
  else if (request.do === 'more') allowed += 1;
  else if (request.do === 'renew') keys.renew(request.credentials);
  else stop.abort();
  wake();
});

async function work(job: UnpackJob): Promise<void> {
  stop = new AbortController();
  allowed = CHUNKS_UNDER_WAY;
  const { signal } = stop;
  let readBytes = 0;
  const tellRead = () => {
    if (readBytes > 0) answer({ is: 'read', bytes: readBytes });
    readBytes = 0;
  };
  const telling = setInterval(tellRead, TELL_EVERY_MS);
  try {
    const onBytes = (bytes: number) => {
      readBytes += bytes;
    };
    for await (const chunk of unpack(store, job, { signal, onBytes, inRing: true })) {
      while (allowed === 0 && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
      if (signal.aborted) throw cancelled(signal.reason);
      allowed -= 1;
      handOver(chunk);
    }
    tellRead();
    answer({ is: 'end' });
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    const stack = error.code === 'bug' && error.cause instanceof Error ? error.cause.stack : undefined;
    tellRead();
    answer({ is: 'error', error: error.report(), stack });
  } finally {
    clearInterval(telling);
  }
}

/** Moves the chunk's memory, or shows it where it is shared; what shares it with other chunks of this thread is copied. */
function handOver(chunk: Buffer): void {
  if (chunk.buffer instanceof SharedArrayBuffer) {
    answer({ is: 'chunk', chunk });
    return;
  }
  const isWhole = chunk.byteLength === chunk.buffer.byteLength && chunk.buffer instanceof ArrayBuffer;
  const own = (isWhole ? chunk : Buffer.from(new Uint8Array(chunk).buffer)) as Buffer<ArrayBuffer>;
  port.postMessage({ is: 'chunk', chunk: own } satisfies UnpackAnswer, [own.buffer]);
}

function answer(message: UnpackAnswer): void {
  port.postMessage(message);
}
