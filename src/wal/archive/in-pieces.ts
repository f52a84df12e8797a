/** The same bytes in pieces of one size, the last of which may be shorter. Each piece is the same memory again. */
export async function* inPieces(chunks: AsyncIterable<Buffer>, sizeBytes: number): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(sizeBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const bytes = Math.min(chunk.length - at, sizeBytes - filled);
      chunk.copy(piece, filled, at, at + bytes);
      filled += bytes;
      at += bytes;
      if (filled < sizeBytes) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
