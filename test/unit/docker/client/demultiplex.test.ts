import { describe, expect, it } from 'vitest';
import { demultiplexer } from '../../../../src/docker/client/demultiplex.ts';

function frame(type: number, text: string): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

function takeApart(chunks: Buffer[]): { stdout: string; stderr: string } {
  const take = demultiplexer();
  const taken = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const chunk of chunks) for (const { stream, bytes } of take(chunk)) taken[stream].push(Buffer.from(bytes));
  return { stdout: Buffer.concat(taken.stdout).toString(), stderr: Buffer.concat(taken.stderr).toString() };
}

describe('demultiplexer', () => {
  const stream = Buffer.concat([frame(1, 'one\n'), frame(2, 'oops'), frame(1, ''), frame(1, 'twö\n'), frame(3, '!')]);

  it('gives the same whatever the chunks are', () => {
    for (const size of [1, 2, 3, 7, 8, 9, 13, stream.length]) {
      const chunks = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      expect(takeApart(chunks), `chunks of ${size}`).toEqual({ stdout: 'one\ntwö\n', stderr: 'oops!' });
    }
  });

  it('refuses what is not multiplexed', () => {
    expect(() => demultiplexer()(Buffer.from('plain text from a terminal'))).toThrow(/unknown form/);
  });
});
