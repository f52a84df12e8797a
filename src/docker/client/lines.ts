/** Cuts bytes into the lines they hold as UTF-8, without the line feeds; a last line without one is a line too. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  // A long line is put together once, when its end is there.
  let begun: string[] = [];
  for await (const chunk of chunks) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n');
    const last = pieces.pop() ?? '';
    for (const piece of pieces) {
      yield begun.length === 0 ? piece : begun.join('') + piece;
      begun = [];
    }
    if (last !== '') begun.push(last);
  }
  const rest = begun.join('') + decoder.decode();
  if (rest !== '') yield rest;
}

/** Keeps the end of the bytes that are written to it. */
export class Tail {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > 2 * this.#limitBytes) this.#cut();
  }

  /** At most the limit, beginning with a whole UTF-8 character. */
  text(): string {
    return this.#cut().toString('utf8');
  }

  #cut(): Buffer {
    let kept = Buffer.concat(this.#chunks);
    if (kept.length > this.#limitBytes) {
      let start = kept.length - this.#limitBytes;
      while (start < kept.length && ((kept[start] ?? 0) & 0xc0) === 0x80) start++;
      kept = kept.subarray(start);
    }
    this.#chunks = [kept];
    this.#sizeBytes = kept.length;
    return kept;
  }
}
