import { createRequire } from 'node:module';

/** The exports of native/native.c. Bytes may be in memory that threads share. */
export interface Native {
  /** How large the memory of an inflater is; its first six numbers are those of `InflaterNumber`. */
  readonly inflaterBytes: number;
  /** Of a gzip member. */
  begin(inflater: Uint8Array): void;
  /**
   * Reads `input` from `from` on and fills `output` from `at` on. 1: the member is whole; 0: it goes on; less: it is
   * damaged.
   */
  step(inflater: Uint8Array, input: Uint8Array, from: number, output: Uint8Array, at: number): number;
  /** CRC32C of what `crc` is of, and of these bytes after it; that of nothing is 0. */
  crc32c(bytes: Uint8Array, crc: number): number;
}

interface Exports extends Native {
  syncfs(fd: number): Promise<number>;
}

/** The build says where the code lies, seen from the bundle. */
declare const NATIVE_FILE: string | undefined;

/** Linux on x86-64, and a processor with AVX2 (2013 and later). Elsewhere there is WebAssembly. */
const FILE = typeof NATIVE_FILE === 'string' ? NATIVE_FILE : '../../../native/linux-x64.node';

const loaded = process.env.ODO_NATIVE === '0' ? undefined : load();

/**
 * syncfs(2), which Node lacks: flushes the file system of a descriptor. Resolves to 0 or the error's number. Not bound
 * to any kind of processor.
 */
export const syncfs: ((fd: number) => Promise<number>) | undefined = loaded?.syncfs;

/**
 * What processors of this kind do several times as fast as WebAssembly. undefined where there is no such code, or
 * ODO_NATIVE=0 says to do without.
 */
export const native: Native | undefined = loaded?.inflaterBytes === undefined ? undefined : (loaded as Native);

function load(): Partial<Exports> | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  try {
    return createRequire(import.meta.url)(FILE);
  } catch {
    // The one file of the bundle does everything without it.
    return undefined;
  }
}
