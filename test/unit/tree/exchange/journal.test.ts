import fs from 'node:fs';
import { expect, it, test } from 'vitest';
import { type Journal, journalFile, readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const JOURNAL: Journal = {
  version: 1,
  state: 'moving-in',
  backupId: '20260101T000000',
  startedAt: '2026-01-01T00:00:00.000Z',
  places: [{ root: '/data', odoDir: '/.odo' }],
};

it('reads what it wrote', () => {
  const odoDir = scratchDirectory();
  writeJournal(odoDir, JOURNAL);
  expect(readJournal(odoDir)).toEqual(JOURNAL);
});

it('is undefined where there is none, whether or not the folder is there', () => {
  const odoDir = scratchDirectory();
  expect(readJournal(odoDir)).toBeUndefined();
  expect(readJournal(`${odoDir}/no/such/folder`)).toBeUndefined();
});

test.each([
  ['is empty', ''],
  ['was cut off', JSON.stringify(JOURNAL).slice(0, 60)],
  ['is null', 'null'],
  ['is of a later version', JSON.stringify({ ...JOURNAL, version: 2 })],
  ['has a state that this version does not know', JSON.stringify({ ...JOURNAL, state: 'moving-sideways' })],
  ['names no places', JSON.stringify({ ...JOURNAL, places: undefined })],
])('a journal that %s is an error, never "no journal"', (_what, text) => {
  const odoDir = scratchDirectory();
  fs.writeFileSync(journalFile(odoDir), text);
  expect(() => readJournal(odoDir)).toThrow(
    expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(journalFile(odoDir)) }),
  );
});

test('what cannot be read is not taken for absent', () => {
  const odoDir = scratchDirectory();
  fs.mkdirSync(journalFile(odoDir));
  expect(() => readJournal(odoDir)).toThrow('EISDIR');
});
