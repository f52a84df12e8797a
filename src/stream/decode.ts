import { setImmediate as otherWork } from 'node:timers/promises';
import { OdoError } from '../errors.ts';
import { type Decoder, type Step, takeDecoder, type WasmCodec, XZ_MEMORY_BYTES } from './decoder.ts';

/** Decoding happens in this thread: requests, timers and signals get their turn at least so often. */
const TURN_MS = 20;

/**
 * Undoes bzip2, xz or lz4. Streams that follow one another (pbzip2, `cat`, lz4's frames) read as one. Every yielded buffer is the caller's to
 * keep; each chunk is done with before the next is asked for.
 * Throws dataCorrupt for damage, an early end, and whatever else follows the end; usage for what asks for too much memory.
 */
export async function* decode(chunks: AsyncIterable<Buffer>, codec: WasmCodec, name: string): AsyncGenerator<Buffer, void, void> {
  const decoder = takeDecoder();
  let state = 'going on' as Step['state'];
  let producedBytes = 0;
  /** Of the stream that is being read, when it is not the first. */
  let sinceLastEnd: number | undefined;
  let turnEnds = performance.now() + TURN_MS;
  try {
    decoder.begin(codec);
    for await (const chunk of chunks) yield* unpack(chunk, false);
    yield* unpack(Buffer.alloc(0), true);
    if (state !== 'ended') throw damage(name, codec, 'ends early', producedBytes);
  } finally {
    decoder.release();
  }

  async function* unpack(chunk: Buffer, isLast: boolean): AsyncGenerator<Buffer, void, void> {
    for (let at = 0, isDry = false; at < chunk.length || !isDry; ) {
      if (state === 'ended' && codec === 'bzip2' && at < chunk.length) decoder.begin(codec);
      const input = chunk.subarray(at, at + decoder.maxInputBytes);
      // A decoder that is done would take a call without input for the beginning of another stream.
      if (state === 'ended' && input.length === 0 && codec !== 'xz') return;
      const step = decoder.step(input, isLast);
      if (step.usedBytes === 0 && step.made.length === 0 && input.length > 0 && step.state === 'going on')
        throw refuse('damaged', decoder);
      at += step.usedBytes;
      isDry = step.made.length < decoder.maxOutputBytes;
      if (step.state !== 'going on' && step.state !== 'ended') throw refuse(step.state, decoder);
      producedBytes += step.made.length;
      if (sinceLastEnd !== undefined) sinceLastEnd += step.made.length;
      if (step.usedBytes > 0 || step.made.length > 0 || step.state === 'ended') state = step.state;
      if (state === 'ended') sinceLastEnd = 0;
      if (step.made.length > 0) yield Buffer.from(step.made);
      if (performance.now() > turnEnds) {
        await otherWork();
        turnEnds = performance.now() + TURN_MS;
      }
    }
  }

  function refuse(why: Step['state'], failed: Decoder): OdoError {
    if (why === 'too demanding') {
      const needed = Math.ceil(failed.neededBytes() / (1 << 20));
      return new OdoError(
        'usage',
        `${name} needs ${needed} MiB of memory to unpack, more than the ${XZ_MEMORY_BYTES >> 20} MiB it gets`,
        {
          hint: 'pack it again with a smaller dictionary (xz -9 or less), or choose another backup with --backup',
        },
      );
    }
    if (why === 'not supported') return damage(name, codec, 'uses a filter or check that ODO does not know', producedBytes);
    if (sinceLastEnd === 0) return damage(name, codec, `goes on after the end of its ${codec} data`, producedBytes);
    return damage(name, codec, 'is damaged', producedBytes);
  }
}

/** The error of an object whose packed data is not what it should be. */
export function damage(name: string, codec: string, what: string, producedBytes: number): OdoError {
  return new OdoError('dataCorrupt', `${name} ${what}, after ${producedBytes} bytes of unpacked ${codec} data`, {
    hint: 'compare its size with what was uploaded, or choose another backup with --backup',
  });
}
