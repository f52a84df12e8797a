import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { withNote } from '../../../scripts/package/elf-note.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';

const PROGRAM = fs.readFileSync(fs.realpathSync('/bin/sh'));
const CONTENT = Buffer.from('what it carries, of an odd length');

describe('a program with one more note', () => {
  const noted = withNote(PROGRAM, 'A_NOTE', CONTENT);

  it('runs as before', () => {
    const file = path.join(scratchDirectory(), 'sh');
    fs.writeFileSync(file, noted, { mode: 0o755 });
    expect(execFileSync(file, ['-c', 'echo $((6 * 7))'], { encoding: 'utf8' })).toBe('42\n');
  });

  it('has the note in memory, where its table of segments is as well', () => {
    const segments = segmentsOf(noted);
    const loads = segments.filter(({ type }) => type === 1);
    const isLoaded = ({ offset, address, bytes }: Segment) =>
      loads.some((load) => {
        const isInFile = offset >= load.offset && offset + bytes <= load.offset + load.bytes;
        return isInFile && offset - load.offset === address - load.address;
      });
    const note = segments.at(-1) as Segment;
    expect(note.type).toBe(4);
    expect(isLoaded(note)).toBe(true);
    for (const table of segments.filter(({ type }) => type === 6)) {
      expect(table.offset).toBe(Number(noted.readBigUInt64LE(32)));
      expect(isLoaded(table)).toBe(true);
    }
    const at = note.offset;
    expect(noted.readUInt32LE(at)).toBe('A_NOTE\0'.length);
    expect(noted.readUInt32LE(at + 4)).toBe(CONTENT.length);
    expect(noted.toString('latin1', at + 12, at + 12 + 7)).toBe('A_NOTE\0');
    expect(noted.subarray(at + 20, at + 20 + CONTENT.length)).toEqual(CONTENT);
  });

  it('has its segments apart from each other, and can be given another note', () => {
    const again = withNote(noted, 'ANOTHER', CONTENT);
    const ends = segmentsOf(again)
      .filter(({ type }) => type === 1)
      .map(({ address, memoryBytes }) => [address, address + memoryBytes]);
    for (const [at, [, end = 0]] of ends.slice(0, -1).entries()) expect(ends[at + 1]?.[0]).toBeGreaterThanOrEqual(end);
  });
});

it('is refused of what is no program', () => {
  expect(() => withNote(Buffer.from('#!/bin/sh\n'), 'A_NOTE', CONTENT)).toThrow('not a program for 64-bit Linux');
});

interface Segment {
  type: number;
  offset: number;
  address: number;
  bytes: number;
  memoryBytes: number;
}

function segmentsOf(program: Buffer): Segment[] {
  const table = Number(program.readBigUInt64LE(32));
  const size = program.readUInt16LE(54);
  return Array.from({ length: program.readUInt16LE(56) }, (_, index) => {
    const at = table + index * size;
    const number = (field: number) => Number(program.readBigUInt64LE(at + field));
    return {
      type: program.readUInt32LE(at),
      offset: number(8),
      address: number(16),
      bytes: number(32),
      memoryBytes: number(40),
    };
  });
}
