import fs from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readControlFile, systemIdentifierIn } from '../../../src/cluster/read-control-file.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';

const CONTROL = fs.readFileSync(new URL('../../fixtures/postgres/pg_control.18', import.meta.url));
const TORN = Buffer.from(CONTROL).fill(7, 40, 48);

function dataDirectory(control: Buffer): string {
  const directory = scratchDirectory();
  fs.mkdirSync(path.join(directory, 'global'));
  fs.writeFileSync(path.join(directory, 'global/pg_control'), control);
  return directory;
}

test('a control file that is being written is looked at again', () => {
  const directory = dataDirectory(CONTROL);
  const { systemIdentifier } = readControlFile(directory);
  const read = vi.spyOn(fs, 'readFileSync');
  onTestFinished(() => read.mockRestore());
  read.mockReturnValueOnce(TORN);
  expect(readControlFile(directory).systemIdentifier).toBe(systemIdentifier);
  read.mockReturnValueOnce(TORN);
  expect(systemIdentifierIn(directory)).toBe(systemIdentifier);
});

test('one that stays damaged is dataCorrupt, and tells nothing of the cluster', () => {
  const directory = dataDirectory(TORN);
  expect(() => readControlFile(directory)).toThrow(expect.objectContaining({ code: 'dataCorrupt' }));
  expect(systemIdentifierIn(directory)).toBeUndefined();
  expect(systemIdentifierIn(path.join(directory, 'nowhere'))).toBeUndefined();
});
