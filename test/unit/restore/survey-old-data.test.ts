import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { crc32c } from '../../../src/postgres/crc32c.ts';
import { type OldDataQuestion, surveyOldData } from '../../../src/restore/survey-old-data.ts';
import { type JournalState, writeJournal } from '../../../src/target/journal.ts';
import { type Place, previousDir } from '../../../src/target/place.ts';
import { scratchDirectory } from '../scratch-directory.ts';

const control = fs.readFileSync(new URL('../../fixtures/postgres/wal_records.16.control', import.meta.url));
const facts = { commandLine: {}, configElsewhere: false };
let place: Place;

function dataDirectory(root: string, conf = ''): void {
  for (const name of ['global', 'pg_wal']) fs.mkdirSync(path.join(root, name), { recursive: true });
  fs.writeFileSync(path.join(root, 'global/pg_control'), control);
  fs.writeFileSync(path.join(root, 'postgresql.conf'), conf);
  fs.writeFileSync(path.join(root, 'postgresql.auto.conf'), '');
}

function isIn(state: JournalState): void {
  writeJournal(place.odoDir, { version: 1, backupId: 'b', startedAt: '', places: [place], state });
}

const survey = (more: Partial<OldDataQuestion> = {}) =>
  surveyOldData(place, { accounted: [{ timeline: 1, lsn: '0/100000' }], isReplaced: false, facts, ...more });

beforeEach(() => {
  const root = path.join(scratchDirectory(), 'data');
  place = { root, odoDir: path.join(root, '.odo') };
  dataDirectory(root);
});

describe('the old data', () => {
  it('is held against what is accounted for of its timeline, and is not where that is none', async () => {
    expect(await survey()).toMatchObject({ timeline: 1, fromLsn: '0/100000', archives: false, beyond: { isWhole: false } });
    expect(await survey({ accounted: [{ timeline: 2, lsn: '0/1' }] })).not.toHaveProperty('beyond');
  });

  it('tells whether it archives, by its files and by the command line, which beats them', async () => {
    dataDirectory(place.root, 'archive_mode = on\n');
    expect(await survey()).toMatchObject({ archives: true });
    expect(await survey({ facts: { ...facts, commandLine: { archive_mode: 'off' } } })).toMatchObject({ archives: false });
  });

  it('is in `previous` when it was replaced, where the history of the restored server tells what that one has', async () => {
    dataDirectory(previousDir(place));
    isIn('swapped');
    fs.writeFileSync(path.join(place.root, 'pg_wal/00000002.history'), '1\t0/7000000\tno recovery target specified\n');
    expect(await survey({ isReplaced: true })).toMatchObject({ fromLsn: '0/7000000' });
    const other = Buffer.from(control);
    other.writeBigUInt64LE(1n, 0);
    other.writeUInt32LE(crc32c(other, 0, 288), 288);
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), other);
    expect(await survey({ isReplaced: true })).toBeUndefined();
  });

  it('is not taken for nothing where its control file, or that of the restored server, cannot be read', async () => {
    const torn = Buffer.from(control);
    torn[100] = (torn[100] as number) ^ 1;
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), torn);
    const file = path.join(place.root, 'global/pg_control');
    await expect(survey()).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(`${file} cannot be read`),
    });
    dataDirectory(previousDir(place));
    isIn('swapped');
    await expect(survey({ isReplaced: true })).rejects.toMatchObject({ code: 'dataCorrupt' });
    fs.rmSync(path.join(previousDir(place), 'global/pg_control'));
    await expect(survey({ isReplaced: true })).rejects.toMatchObject({ code: 'dataCorrupt' });
  });

  it('is read again where a server is just writing its control file', async () => {
    dataDirectory(previousDir(place));
    isIn('swapped');
    fs.writeFileSync(path.join(place.root, 'pg_wal/00000002.history'), '1\t0/7000000\tno recovery target specified\n');
    const read = fs.readFileSync;
    const files = ['global/pg_control', '.odo/previous/global/pg_control'].map((name) => path.join(place.root, name));
    const unread = new Set(files);
    const spy = vi.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...rest: []) => {
      const bytes = read(file, ...rest) as unknown as Buffer;
      if (unread.delete(file)) bytes[100] = (bytes[100] as number) ^ 1;
      return bytes;
    }) as typeof fs.readFileSync);
    try {
      expect(await survey({ isReplaced: true })).toMatchObject({ fromLsn: '0/7000000' });
    } finally {
      spy.mockRestore();
    }
    expect(unread).toEqual(new Set());
  });

  it('is not what is being cleared away in `previous`', async () => {
    dataDirectory(previousDir(place), 'archive_mode = on\n');
    isIn('swapped');
    expect(await survey()).toMatchObject({ archives: true });
    isIn('clearing');
    expect(await survey()).toMatchObject({ archives: false });
    fs.rmSync(place.root, { recursive: true });
    expect(await survey()).toBeUndefined();
  });
});
