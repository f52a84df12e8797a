/**
 * Bytes between two flushes. It is small enough that the flush at the end has little left to do, and large enough that
 * journal commits do not count.
 */
const EVERY_BYTES = 256 << 20;

/**
 * Flushes again and again beside the writing, instead of leaving the disk idle until the end: the kernel alone begins
 * only when a tenth of the memory is waiting. Gives a function to call with the number of written bytes. Once a flush
 * has failed, that function throws its error: the kernel reports it once, and nothing written later can be relied upon.
 */
export function createFlushAhead(flush: () => Promise<void>, everyBytes = EVERY_BYTES): (bytes: number) => void {
  let waitingBytes = 0;
  let isFlushing = false;
  let failure: { error: unknown } | undefined;
  return (bytes) => {
    if (failure) throw failure.error;
    waitingBytes += bytes;
    if (isFlushing || waitingBytes < everyBytes) return;
    waitingBytes = 0;
    isFlushing = true;
    flush()
      .catch((error: unknown) => {
        failure = { error };
      })
      .finally(() => {
        isFlushing = false;
      });
  };
}
