import { setImmediate as otherWork } from 'node:timers/promises';
import { OdoError } from '../../errors.ts';
import { type BlockBoundary, type Step, takeDecoder, type WasmCodec, XZ_MEMORY_BYTES } from './decoder.ts';

/** Decoding happens in this thread: requests, timers and signals get their turn at least so often. */
const TURN_MS = 20;

/** One decoder's work on the data of one object, which is fed to it piece by piece. */
export interface Decoding {
  /**
   * Yields what these bytes unpack to. Every yielded buffer is the caller's to keep. The bytes are done with at the
   * end. Errors are those of decode().
   */
  feed(bytes: Buffer): AsyncGenerator<Buffer, void, void>;
  /** Yields the last of the content. `dataCorrupt` when the data should go on. */
  end(): AsyncGenerator<Buffer, void, void>;
  /** See Decoder.boundary(). */
  boundary(): BlockBoundary | undefined;
  progress(): DecodingProgress;
  /** Gives the decoder back. */
  release(): void;
}

/** How far the data of one object is unpacked. */
export interface DecodingProgress {
  producedBytes: number;
  /** Bytes made since the last stream ended; undefined in the first stream. */
  sinceLastEnd: number | undefined;
}

/** Where a decoder takes over. */
export interface TakeOver extends DecodingProgress {
  boundary: BlockBoundary;
  /** See Decoder.beginAt(). */
  sharedByte: number;
}

/** Begins with the data's first byte. For bzip2, it may begin where another decoder has come to. */
export function startDecoding(codec: WasmCodec, name: string, from?: TakeOver): Decoding {
  const decoder = takeDecoder();
  let state = 'going on' as Step['state'];
  let { producedBytes, sinceLastEnd }: DecodingProgress = from ?? { producedBytes: 0, sinceLastEnd: undefined };
  let turnEnds = performance.now() + TURN_MS;
  try {
    if (from) decoder.beginAt(from.boundary, from.sharedByte);
    else decoder.begin(codec);
  } catch (error) {
    decoder.release();
    throw error;
  }

  async function* unpack(bytes: Buffer, isLast: boolean): AsyncGenerator<Buffer, void, void> {
    for (let at = 0, isDry = false; at < bytes.length || !isDry; ) {
      if (state === 'ended' && codec === 'bzip2' && at < bytes.length) decoder.begin(codec);
      const input = bytes.subarray(at, at + decoder.maxInputBytes);
      // A decoder that is done would take a call without input for the beginning of another stream.
      if (state === 'ended' && input.length === 0 && codec !== 'xz') return;
      const step = decoder.step(input, isLast);
      if (step.usedBytes === 0 && step.made.length === 0 && input.length > 0 && step.state === 'going on')
        throw refuse('damaged');
      at += step.usedBytes;
      isDry = step.made.length < decoder.maxOutputBytes;
      if (step.state !== 'going on' && step.state !== 'ended') throw refuse(step.state);
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

  function refuse(why: Step['state']): OdoError {
    if (why === 'too demanding') {
      const needed = Math.ceil(decoder.neededBytes() / (1 << 20));
      return new OdoError(
        'usage',
        `${name} needs ${needed} MiB of memory to unpack, more than the ${XZ_MEMORY_BYTES >> 20} MiB it gets`,
        {
          hint: 'pack it again with a smaller dictionary (xz -9 or less), or choose another backup with --backup',
        },
      );
    }
    if (why === 'not supported')
      return damage(name, codec, 'uses a filter or check that ODO does not know', producedBytes);
    if (sinceLastEnd === 0) return damage(name, codec, `goes on after the end of its ${codec} data`, producedBytes);
    return damage(name, codec, 'is damaged', producedBytes);
  }

  return {
    feed: (bytes) => unpack(bytes, false),
    async *end() {
      yield* unpack(Buffer.alloc(0), true);
      if (state !== 'ended') throw damage(name, codec, 'ends early', producedBytes);
    },
    boundary: () => decoder.boundary(),
    progress: () => ({ producedBytes, sinceLastEnd }),
    release: () => decoder.release(),
  };
}

/** The error of an object whose packed data is not what it should be. */
export function damage(name: string, codec: string, what: string, producedBytes: number): OdoError {
  return new OdoError('dataCorrupt', `${name} ${what}, after ${producedBytes} bytes of unpacked ${codec} data`, {
    hint: 'compare its size with what was uploaded, or choose another backup with --backup',
  });
}
