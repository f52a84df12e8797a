import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import { unpackedAssets } from './unpack-asset.ts';

/** The place of the code, seen from the bundle. The build defines it. */
declare const NATIVE_FILE: string | undefined;

const FILE = typeof NATIVE_FILE === 'string' ? NATIVE_FILE : '../../../native/linux-x64.node';

/** The data about native code that an unpacking thread is started with. */
export interface NativeForThread {
  /** The file that the main thread has loaded; undefined where it has loaded none. */
  nativeFile: string | undefined;
}

/** The files that the native code may be loaded from, the best first; each is made only when it is asked for. */
export function* nativeFiles(): Generator<string> {
  if (isThreadOfOurs(workerData)) {
    if (workerData.nativeFile !== undefined) yield workerData.nativeFile;
    return;
  }
  const assets = unpackedAssets(FILE.replace(/^.*\//, ''));
  if (assets) yield* assets;
  else yield fileURLToPath(new URL(FILE, import.meta.url));
}

function isThreadOfOurs(data: unknown): data is NativeForThread {
  return typeof data === 'object' && data !== null && 'nativeFile' in data;
}
