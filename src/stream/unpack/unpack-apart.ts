import { cancelled, OdoError } from '../../errors.ts';
import { startThread } from '../blocks/start-thread.ts';
import type { Layer } from '../bytes/layers.ts';
import { ownMemory } from '../bytes/own-memory.ts';
import type { DecompressOptions } from './decompress.ts';
import { PACKED_UNDER_WAY, type UnpackAnswer, type UnpackRequest } from './unpack-protocol.ts';

/** A thread that unpacks objects, one at a time, while this one reads and writes. */
export interface UnpackingThread {
  /**
   * Unpacks as decompress() does. The memory of each chunk of `source` moves to the thread. Each yielded chunk is the
   * taker's until it asks for the next. The bytes that `source` gave before it failed are unpacked before its error is
   * thrown.
   */
  unpack(source: Source, layer: Layer, options: Options): AsyncGenerator<Buffer, void, void>;
  close(): Promise<void>;
}

type Source = AsyncGenerator<Buffer, void, void>;
type Options = Pick<DecompressOptions, 'name' | 'signal'>;
/** The answers that the taker sees. `used` counts only for the feeding of packed chunks. */
type Outcome = Exclude<UnpackAnswer, { is: 'used' }>;

export function startUnpackingThread(): UnpackingThread {
  const worker = startThread('objects');
  const outcomes: Outcome[] = [];
  let death: Outcome | undefined;
  let packedUnderWay = 0;
  let change = Promise.withResolvers<void>();

  worker.on('message', (answer: UnpackAnswer) => {
    if (answer.is === 'used') packedUnderWay -= 1;
    else outcomes.push(answer);
    tell();
  });
  worker.on('error', (error: unknown) => die(error instanceof Error ? error.stack : String(error)));
  worker.on('exit', () => die());

  function die(stack?: string): void {
    death ??= { is: 'error', error: new OdoError('bug', 'a thread that unpacks the backup ended').report(), stack };
    tell();
  }

  function tell(): void {
    change.resolve();
    change = Promise.withResolvers();
  }

  function ask(request: UnpackRequest, moved: ArrayBuffer[] = []): void {
    worker.postMessage(request, moved);
  }

  async function nextOutcome(): Promise<Outcome> {
    for (;;) {
      const outcome = outcomes.shift() ?? death;
      if (outcome) return outcome;
      await change.promise;
    }
  }

  async function* unpack(source: Source, layer: Layer, { name, signal }: Options): AsyncGenerator<Buffer, void, void> {
    let isOver = false;
    let failure: unknown;
    packedUnderWay = 0;
    ask({ do: 'unpack', layer, name });

    /** Hands the source over, as fast as the thread works it up. */
    async function feed(): Promise<void> {
      try {
        for await (const chunk of source) {
          while (packedUnderWay >= PACKED_UNDER_WAY && !isOver) await change.promise;
          if (isOver) return;
          packedUnderWay += 1;
          const packed = ownMemory(chunk);
          ask({ do: 'take', packed }, [packed.buffer]);
        }
        ask({ do: 'end' });
      } catch (error) {
        failure = error;
        ask({ do: 'break' });
      }
    }

    const stop = () => ask({ do: 'stop' });
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    const feeding = feed();
    try {
      for (;;) {
        const outcome = await nextOutcome();
        isOver = outcome.is !== 'chunk';
        if (outcome.is === 'end') return;
        if (outcome.is === 'error')
          throw outcome.error.code === 'cancelled' ? (failure ?? cancelled(signal?.reason)) : errorOf(outcome);
        const { buffer, byteOffset, byteLength } = outcome.chunk;
        yield Buffer.from(buffer, byteOffset, byteLength);
        ask({ do: 'more' });
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      if (!isOver) stop();
      // The thread is free for another object when the last answer for this one is there.
      while (!isOver) isOver = (await nextOutcome()).is !== 'chunk';
      tell();
      await source.return();
      await feeding;
    }
  }

  return {
    unpack,
    async close() {
      await worker.terminate();
    },
  };
}

function errorOf({ error, stack }: Extract<Outcome, { is: 'error' }>): OdoError {
  if (stack === undefined) return OdoError.fromReport(error);
  const cause = new Error(error.message);
  cause.stack = stack;
  return new OdoError(error.code, error.message, { hint: error.hint, cause });
}
