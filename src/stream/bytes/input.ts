import { OdoError } from '../../errors.ts';

/** The next chunk that holds something; undefined at the end. */
export async function nextChunk(input: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  for (;;) {
    const { done, value } = await input.next();
    if (done) return undefined;
    if (value.length > 0) return value;
  }
}

/** Zeros may follow the last gzip member; anything else is dataCorrupt. */
export async function expectPadding(rest: Buffer, input: AsyncIterator<Buffer>, name: string): Promise<void> {
  for (let chunk: Buffer | undefined = rest; chunk; chunk = await nextChunk(input)) {
    if (chunk.some((byte) => byte !== 0)) {
      throw new OdoError('dataCorrupt', `${name} goes on after the end of its gzip data`, {
        hint: 'the object was written wrongly or damaged; choose another backup with --backup',
      });
    }
  }
}
