import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import { unpackedAssets } from './unpack-asset.ts';

/** The build says where the code lies, seen from the bundle. */
declare const NATIVE_FILE: string | undefined;

const FILE = typeof NATIVE_FILE === 'string' ? NATIVE_FILE : '../../../native/linux-x64.node';

/** What an unpacking thread is told of the native code. */
export interface NativeForThread {
  /** What the main thread has loaded; undefined where it has none. */
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
