/**
 * Hands large chunks on, each of them the taker's only until it asks for the next: its memory is then given back at
 * once. Left to the garbage collector, a chunk of a megabyte costs several times what it takes to fill it, and many
 * wait beside each other. Chunks must be nobody else's; those that share their memory with others are left alone.
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
