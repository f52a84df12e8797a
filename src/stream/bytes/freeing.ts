/**
 * Hands large chunks on. Each is the taker's only until it asks for the next: its memory is given back then. Left to
 * the garbage collector, a chunk of a megabyte costs several times what it takes to fill it, and many wait beside each
 * other. Chunks that share their memory with others are left alone. All others must be nobody else's.
 */
export async function* freeing(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  for await (const chunk of chunks) {
    yield chunk;
    free(chunk);
  }
}

function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
