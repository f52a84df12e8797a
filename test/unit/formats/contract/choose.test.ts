import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { byEndTime, chooseBackup } from '../../../../src/formats/contract/choose.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';

function backup(id: string, fields: Partial<Backup> = {}): Backup {
  return { id, format: 'barman', state: 'complete', tablespaces: [], parts: [], wal: 'archive', ...fields };
}

const older = backup('20251001T000000', { beginTime: '2025-10-01T00:00:00.000Z', endTime: '2025-10-01T00:30:00.000Z' });
const newer = backup('20251002T000000', {
  beginTime: '2025-10-02T00:00:00.000Z',
  endTime: '2025-10-02T00:30:00.000Z',
  name: 'nightly',
});
const failed = backup('20251003T000000', {
  state: 'failed',
  reason: 'barman says: no',
  beginTime: '2025-10-03T00:00:00.000Z',
});
const died = backup('20251004T000000', { state: 'died', reason: 'it has no backup.info' });
const failedBefore = backup('20250901T000000', {
  state: 'failed',
  reason: 'old',
  beginTime: '2025-09-01T00:00:00.000Z',
});
const all = [died, failed, failedBefore, newer, older];

function errorOf(call: () => unknown): OdoError {
  try {
    call();
  } catch (error) {
    if (error instanceof OdoError) return error;
  }
  throw new Error('no OdoError was thrown');
}

describe('latest', () => {
  it('is the newest complete one, whatever the order, and names the newer ones that are not', () => {
    expect(chooseBackup(all, 'latest')).toEqual({
      backup: newer,
      skipped: [
        { id: failed.id, reason: 'failed: barman says: no' },
        { id: died.id, reason: 'died: it has no backup.info' },
      ].sort((a, b) => (a.id < b.id ? 1 : -1)),
    });
  });

  it('mentions one whose time nobody knows', () => {
    const unknown = backup('weekly', { state: 'unsupported', reason: 'a cold tar' });
    expect(chooseBackup([newer, unknown], 'latest').skipped).toMatchObject([
      { id: 'weekly', reason: 'unsupported: a cold tar' },
    ]);
  });

  it('warns of what nothing else leads to: WAL that travels in a set is lost with it', () => {
    const set = (id: string, endTime: string, more = {}) => backup(id, { wal: 'included', endTime, ...more });
    const full = set('full', '2025-10-02T00:00:00.000Z');
    const incremental = set('incremental', '2025-10-04T03:30:00.000Z', {
      state: 'unsupported',
      reason: 'it is incremental',
    });
    const running = set('running', '2025-10-05T00:00:00.000Z', { state: 'running', reason: 'it is still running' });
    expect(chooseBackup([full, incremental, running], 'latest').skipped).toEqual([
      { id: 'running', reason: 'running: it is still running' },
      {
        id: 'incremental',
        reason: 'unsupported: it is incremental',
        warning: 'what is newer than full is left out with it: 2 d 3 h',
      },
    ]);
  });

  it('goes by the end, not by the beginning or the id', () => {
    const long = backup('20251001T120000', {
      beginTime: '2025-10-01T12:00:00.000Z',
      endTime: '2025-10-02T09:00:00.000Z',
    });
    expect(chooseBackup([long, newer], 'latest').backup).toBe(long);
  });

  it('fails naming each when none is complete', () => {
    const error = errorOf(() => chooseBackup([failed, died], 'latest'));
    expect(error.code).toBe('backupIncomplete');
    expect(error.message).toContain('20251003T000000 (failed: barman says: no)');
    expect(error.message).toContain('20251004T000000 (died: it has no backup.info)');
  });

  it('fails when there is no backup at all', () => {
    expect(errorOf(() => chooseBackup([], 'latest')).code).toBe('notFound');
  });
});

describe('by id', () => {
  it('takes that one, or the one of that name', () => {
    expect(chooseBackup(all, older.id)).toEqual({ backup: older, skipped: [] });
    expect(chooseBackup(all, 'nightly').backup).toBe(newer);
  });

  it('names those that are there when it is not', () => {
    const error = errorOf(() => chooseBackup([older, newer], '20260101T000000'));
    expect(error.code).toBe('notFound');
    expect(error.message).toBe("no backup '20260101T000000'; there are 20251002T000000 (nightly), 20251001T000000");
  });

  it('does not guess between two of one name', () => {
    const twin = backup('20251005T000000', { name: 'nightly', endTime: '2025-10-05T00:00:00.000Z' });
    expect(errorOf(() => chooseBackup([newer, twin], 'nightly')).message).toContain(
      "several backups are named 'nightly'",
    );
  });

  it('refuses one that is not complete, with the reason', () => {
    const error = errorOf(() => chooseBackup(all, failed.id));
    expect(error.code).toBe('backupIncomplete');
    expect(error.message).toContain('failed: barman says: no');
  });
});

it('sorts those without an end time first', () => {
  expect([newer, died, older, failed].sort(byEndTime).map(({ id }) => id)).toEqual([
    failed.id,
    died.id,
    older.id,
    newer.id,
  ]);
});
