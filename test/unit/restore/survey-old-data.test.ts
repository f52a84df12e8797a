import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
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
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), other);
    expect(await survey({ isReplaced: true })).toBeUndefined();
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
