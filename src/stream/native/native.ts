import { nativeFiles } from './native-file.ts';

/** The exports of native/native.c. Bytes may be in memory that threads share. */
export interface Native {
  /** The size of an inflater's memory. native-inflater.ts reads the numbers at its beginning. */
  readonly inflaterBytes: number;
  /** Begins a gzip member. */
  begin(inflater: Uint8Array): void;
  /** Reads `input` from `from` on and fills `output` from `at` on. The result is a State, see inflater.ts. */
  step(inflater: Uint8Array, input: Uint8Array, from: number, output: Uint8Array, at: number): number;
  /** Goes on with a CRC32C: `crc` is that of the bytes before, 0 without any. */
  crc32c(bytes: Uint8Array, crc: number): number;
}

/** syncfs(2) of what a descriptor belongs to: resolves to 0, or to the number of the error. */
export type Syncfs = (fd: number) => Promise<number>;

/** The loaded code. Where the processor lacks AVX2 (2013 and later), only syncfs is there. */
interface Loaded {
  file: string;
  exports: { syncfs: Syncfs } & Partial<Native>;
}

let loaded: Loaded | undefined | 'not yet' = 'not yet';

/**
 * syncfs(2), which Node lacks: flushes the file system of a descriptor. Works on any x86-64. undefined where there is
 * no native code.
 */
export function loadSyncfs(): Syncfs | undefined {
  return load()?.exports.syncfs;
}

/**
 * Code that is several times as fast as WebAssembly. undefined where there is none for this processor, or where
 * ODO_NATIVE=0 switches it off.
 */
export function loadNative(): Native | undefined {
  const exports = load()?.exports;
  return exports?.inflaterBytes === undefined ? undefined : (exports as Native);
}

/** The file that the code was loaded from, for threads to load it from, too. */
export function loadedNativeFile(): string | undefined {
  return load()?.file;
}

/** Loads the code when it is first asked for: most commands do not need it. */
function load(): Loaded | undefined {
  if (loaded === 'not yet') loaded = findLoadable();
  return loaded;
}

/**
 * Loads the code on Linux on x86-64. Elsewhere, and where no file can be loaded, undefined: WebAssembly and the `sync`
 * program then do the same work.
 */
function findLoadable(): Loaded | undefined {
  if (process.env.ODO_NATIVE === '0' || process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  for (const file of nativeFiles()) {
    try {
      const module = { exports: {} };
      process.dlopen(module, file);
      return { file, exports: module.exports as Loaded['exports'] };
    } catch {
      // The next file may lie where code can be loaded from.
    }
  }
  return undefined;
}
