import { syncFileSystem } from './durable.ts';
import { perFileSystem } from './per-file-system.ts';

/** Small enough that the flush at the end has little left to do, large enough that journal commits do not count. */
const EVERY_BYTES = 256 << 20;

/** As createFlushAhead(), for each directory; what is written to one file system counts together, since it is flushed together. */
export function createFlushesAhead(
  flush = syncFileSystem,
  everyBytes = EVERY_BYTES,
): (directory: string) => (bytes: number) => void {
  return perFileSystem((directory) => createFlushAhead(directory, flush, everyBytes));
}

/**
 * Flushes the file system of a directory that is being filled, again and again and beside the writing, instead of leaving the disk idle until the
 * end: the kernel alone begins only when a tenth of the memory is waiting. Gives a function to tell of what was written. Nothing
 * is promised by it, so that failures do not count; durability is the affair of the flush at the end.
 */
export function createFlushAhead(
  directory: string,
  flush: (directory: string) => Promise<void>,
  everyBytes: number,
): (bytes: number) => void {
  let waitingBytes = 0;
  let isFlushing = false;
  return (bytes) => {
    waitingBytes += bytes;
    if (isFlushing || waitingBytes < everyBytes) return;
    waitingBytes = 0;
    isFlushing = true;
    flush(directory)
      .catch(() => {})
      .finally(() => {
        isFlushing = false;
      });
  };
}
