import { describe, expect, it } from 'vitest';
import { splitLines, Tail } from '../../../../src/docker/client/lines.ts';

async function split(bytes: Buffer, size: number): Promise<string[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const lines = [];
  for await (const line of splitLines(chunks())) lines.push(line);
  return lines;
}

describe('splitLines', () => {
  it.each([1, 2, 3, 5, 100])('keeps characters whole in chunks of %i bytes', async (size) => {
    expect(await split(Buffer.from('\uFEFFä€😀\n\nzwei\r\nlast'), size)).toEqual(['\uFEFFä€😀', '', 'zwei\r', 'last']);
  });

  it('gives no empty line after the last line feed', async () => {
    expect(await split(Buffer.from('a\nb\n'), 100)).toEqual(['a', 'b']);
    expect(await split(Buffer.from(''), 100)).toEqual([]);
  });

  it('takes a line of megabytes in small chunks', async () => {
    const line = 'x'.repeat(5_000_000);
    const [first, second] = await split(Buffer.from(`${line}\ny`), 1000);
    expect(first === line).toBe(true);
    expect(second).toBe('y');
  });
});

describe('Tail', () => {
  it('keeps the end, from a whole character on', () => {
    const tail = new Tail(10);
    for (let number = 0; number < 1000; number++) tail.push(Buffer.from(`€${number % 10}`));
    expect(tail.text()).toBe('7€8€9'); // the tenth byte from the end is within a character
  });

  it('keeps everything that is within the limit', () => {
    const tail = new Tail(10);
    expect(tail.text()).toBe('');
    tail.push(Buffer.from('ab'));
    tail.push(Buffer.from('cd'));
    expect(tail.text()).toBe('abcd');
  });
});
