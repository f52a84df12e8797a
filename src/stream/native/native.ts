import { nativeFiles } from './native-file.ts';

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

/** syncfs(2) of what a descriptor belongs to: resolves to 0, or to the number of the error. */
export type Syncfs = (fd: number) => Promise<number>;

/** Where the processor lacks AVX2 (2013 and later), only syncfs is there. */
interface Loaded {
  file: string;
  exports: { syncfs: Syncfs } & Partial<Native>;
}

let loaded: Loaded | undefined | 'not yet' = 'not yet';

/**
 * syncfs(2), which Node lacks: flushes the file system of a descriptor. Not bound to any kind of processor; undefined
 * where there is no native code at all.
 */
export function loadSyncfs(): Syncfs | undefined {
  return load()?.exports.syncfs;
}

/**
 * What processors of this kind do several times as fast as WebAssembly. undefined where there is no such code, or
 * ODO_NATIVE=0 says to do without.
 */
export function loadNative(): Native | undefined {
  const exports = load()?.exports;
  return exports?.inflaterBytes === undefined ? undefined : (exports as Native);
}

/** The file that the code was loaded from, for threads to load it from, too. */
export function loadedNativeFile(): string | undefined {
  return load()?.file;
}

/** Not before it is asked for: most commands have no use for it. */
function load(): Loaded | undefined {
  if (loaded === 'not yet') loaded = findLoadable();
  return loaded;
}

/** Linux on x86-64. Elsewhere, and where no file can be loaded, WebAssembly does everything that this does. */
function findLoadable(): Loaded | undefined {
  if (process.env.ODO_NATIVE === '0' || process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  for (const file of nativeFiles()) {
    try {
      const module = { exports: {} };
      process.dlopen(module, file);
      return { file, exports: module.exports as Loaded['exports'] };
    } catch {
      // The next one may lie where code can be loaded from.
    }
  }
  return undefined;
}
