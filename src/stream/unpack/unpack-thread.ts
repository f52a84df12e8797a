import { parentPort } from 'node:worker_threads';
import { asOdoError, cancelled } from '../../errors.ts';
import { freeing } from '../bytes/freeing.ts';
import { ownMemory } from '../bytes/own-memory.ts';
import { decompress } from './decompress.ts';
import { CHUNKS_UNDER_WAY, type UnpackAnswer, type UnpackRequest } from './unpack-protocol.ts';

// The thread's side of unpack-apart.ts: it gets packed chunks, and hands over what they unpack to.

/** How much is unpacked and handed on at a time: as much as of gzip. */
const CHUNK_BYTES = 1 << 19;

/** The object that is being unpacked. */
interface Job {
  packed: Buffer<ArrayBuffer>[];
  /** No more chunks will come: they were all, or their source has failed. */
  ending?: 'end' | 'break';
  /** How many unpacked chunks may be handed over. */
  allowed: number;
  stop: AbortController;
}

if (!parentPort) throw new Error('this is the program of a thread');
const port = parentPort;
let job: Job | undefined;
let change = Promise.withResolvers<void>();

port.on('message', (request: UnpackRequest) => {
  if (request.do === 'unpack') {
    job = { packed: [], allowed: CHUNKS_UNDER_WAY, stop: new AbortController() };
    void work(job, request);
  }
  // A late message is about an object that this thread is done with.
  if (!job) return;
  if (request.do === 'take') job.packed.push(Buffer.from(request.packed.buffer));
  else if (request.do === 'more') job.allowed += 1;
  else if (request.do === 'stop') job.stop.abort();
  else if (request.do !== 'unpack') job.ending = request.do;
  change.resolve();
  change = Promise.withResolvers();
});

async function work(current: Job, { layer, name }: Extract<UnpackRequest, { do: 'unpack' }>): Promise<void> {
  const { signal } = current.stop;
  try {
    const source = freeing(packedChunks(current));
    for await (const chunk of decompress(source, layer, { name, chunkBytes: CHUNK_BYTES, inRing: true, signal })) {
      while (current.allowed === 0 && !signal.aborted) await change.promise;
      if (signal.aborted) throw cancelled(signal.reason);
      current.allowed -= 1;
      handOver(chunk);
    }
    answer({ is: 'end' });
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    const stack = error.code === 'bug' && error.cause instanceof Error ? error.cause.stack : undefined;
    answer({ is: 'error', error: error.report(), stack });
  } finally {
    job = undefined;
  }
}

/** The packed chunks as they come. Throws `cancelled` when their source has failed. */
async function* packedChunks(current: Job): AsyncGenerator<Buffer, void, void> {
  const { packed, stop } = current;
  for (;;) {
    const next = packed.shift();
    if (next) {
      yield next;
      answer({ is: 'used' });
    } else if (current.ending === 'end') {
      return;
    } else if (current.ending === 'break' || stop.signal.aborted) {
      // The reader of the source knows the reason.
      throw cancelled(stop.signal.reason);
    } else {
      await change.promise;
    }
  }
}

/** Moves the chunk's memory, or shows it where it is shared. */
function handOver(chunk: Buffer): void {
  if (chunk.buffer instanceof SharedArrayBuffer) {
    answer({ is: 'chunk', chunk });
  } else {
    const own = ownMemory(chunk);
    answer({ is: 'chunk', chunk: own }, [own.buffer]);
  }
}

function answer(message: UnpackAnswer, moved: ArrayBuffer[] = []): void {
  port.postMessage(message, moved);
}
