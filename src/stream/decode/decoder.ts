import { DECODERS_WASM } from '../../../native/decoders-wasm.ts';
import { compileWasm, instantiateWasm, type WasmMemory } from '../native/webassembly.ts';

/**
 * Codecs that are undone in WebAssembly as streams; gzip and zstd are Node's own, snappy comes in blocks (see
 * snappy.ts).
 */
export type WasmCodec = 'bzip2' | 'xz' | 'lz4';

/** The result of one step. */
export interface Step {
  usedBytes: number;
  /** A view into the decoder's memory, which the next step overwrites. */
  made: Uint8Array;
  /** `ended`: the stream, member or frame is whole; others may follow. The last three are failures. */
  state: 'going on' | 'ended' | 'damaged' | 'too demanding' | 'not supported';
}

/** Where a bzip2 stream goes on with a block or its end mark. Neither needs to begin at a byte. */
export interface BlockBoundary {
  /** The digit of the stream's header. */
  level: number;
  /** The combined checksum of the stream's blocks so far; 0 before the first one. */
  combinedCrc: number;
  /** How many bits of the last byte before belong to the block or end mark: 0 to 7. */
  restBits: number;
}

/** One of the reference decoders (libbzip2, liblzma, liblz4, snappy) on one stream at a time. */
export interface Decoder {
  begin(codec: WasmCodec): void;
  /** Begins within a bzip2 stream. Only the last `restBits` bits of `sharedByte` are read. */
  beginAt(boundary: BlockBoundary, sharedByte: number): void;
  /** Where the decoder stands, when it waits for a block or the end mark of a bzip2 stream; else undefined. */
  boundary(): BlockBoundary | undefined;
  /** How much of its input a step takes at most. */
  readonly maxInputBytes: number;
  /**
   * Takes some input, and makes as much output as there is and fits. There is no more to come when `made` is shorter
   * than maxOutputBytes.
   */
  step(input: Uint8Array, isLast: boolean): Step;
  readonly maxOutputBytes: number;
  /**
   * Unpacks one raw snappy block to at most `maxBytes` bytes. undefined when it is damaged or longer. The result is a
   * view into the decoder's memory, which the next step overwrites.
   */
  unpackSnappy(block: Uint8Array, maxBytes: number): Uint8Array | undefined;
  /** The memory that an xz stream asked for when it was too demanding. */
  neededBytes(): number;
  /** Gives the decoder back for others to use. */
  release(): void;
}

/** The exports of native/decoders.c. */
interface Exports {
  memory: WasmMemory<ArrayBuffer>;
  _initialize(): void;
  reserve(bytes: number): number;
  begin(codec: number, memoryLimitBytes: number): number;
  begin_bzip2_block(level: number, combinedCrc: number, firstByte: number, restBits: number): number;
  bits_between_blocks(): number;
  bzip2_level(): number;
  combined_crc(): number;
  step(input: number, inputBytes: number, output: number, outputBytes: number, isLast: number): number;
  snappy_block(input: number, inputBytes: number, output: number, outputBytes: number): number;
  used_bytes(): number;
  made_bytes(): number;
  needed_bytes(): number;
  finish(): void;
}

const NUMBERS: Readonly<Record<WasmCodec, number>> = { bzip2: 1, xz: 2, lz4: 3 };
const STATES: Readonly<Record<number, Step['state']>> = {
  0: 'going on',
  1: 'ended',
  [-1]: 'damaged',
  // The memory of such a stream is bounded beforehand, so this means a damaged one, too.
  [-2]: 'damaged',
  [-3]: 'too demanding',
  [-4]: 'not supported',
};

const BUFFER_BYTES = 1 << 18;
/** The memory that a stream gets. `xz -9` asks for 65 MiB. */
export const XZ_MEMORY_BYTES = 96 << 20;

/**
 * Decoders that wait for the next stream: a WAL archive has thousands of short ones. Their memory never shrinks, so
 * large ones are dropped.
 */
const idle: Decoder[] = [];
const MAX_IDLE = 8;
const MAX_IDLE_BYTES = 16 << 20;

let module: object | undefined;

/** A decoder that nobody else uses until it is released. */
export function takeDecoder(): Decoder {
  return idle.pop() ?? createDecoder();
}

function createDecoder(): Decoder {
  module ??= compileWasm(DECODERS_WASM);
  const wasm = instantiateWasm<Exports>(module);
  wasm._initialize();
  const inputAt = wasm.reserve(BUFFER_BYTES);
  const outputAt = wasm.reserve(BUFFER_BYTES);
  // Made anew each time: when the memory grows, views on it become empty.
  const view = (at: number, bytes: number) => new Uint8Array(wasm.memory.buffer, at, bytes);

  const decoder: Decoder = {
    maxInputBytes: BUFFER_BYTES,
    maxOutputBytes: BUFFER_BYTES,
    begin(codec) {
      if (wasm.begin(NUMBERS[codec], XZ_MEMORY_BYTES) !== 0) throw new Error(`no memory for a ${codec} decoder`);
    },
    beginAt({ level, combinedCrc, restBits }, sharedByte) {
      if (wasm.begin_bzip2_block(level, combinedCrc, sharedByte, restBits) !== 0)
        throw new Error('no memory for a bzip2 decoder');
    },
    boundary() {
      const restBits = wasm.bits_between_blocks();
      return restBits < 0 ? undefined : { level: wasm.bzip2_level(), combinedCrc: wasm.combined_crc() >>> 0, restBits };
    },
    step(input, isLast) {
      view(inputAt, input.length).set(input);
      const state = STATES[wasm.step(inputAt, input.length, outputAt, BUFFER_BYTES, isLast ? 1 : 0)] ?? 'damaged';
      return { usedBytes: wasm.used_bytes(), made: view(outputAt, wasm.made_bytes()), state };
    },
    unpackSnappy(block, maxBytes) {
      view(inputAt, block.length).set(block);
      if (wasm.snappy_block(inputAt, block.length, outputAt, Math.min(maxBytes, BUFFER_BYTES)) !== 1) return undefined;
      return view(outputAt, wasm.made_bytes());
    },
    neededBytes: () => wasm.needed_bytes(),
    release() {
      wasm.finish();
      if (idle.length < MAX_IDLE && wasm.memory.buffer.byteLength <= MAX_IDLE_BYTES) idle.push(decoder);
    },
  };
  return decoder;
}
