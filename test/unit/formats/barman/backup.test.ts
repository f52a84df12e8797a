import { describe, expect, it } from 'vitest';
import { type BackupFolder, DIED_AFTER_MS, toBackup } from '../../../../src/formats/barman/backup.ts';
import { parseBackupInfo } from '../../../../src/formats/barman/backup-info.ts';

const NOW = Date.parse('2025-10-24T12:00:00Z');
const DONE = `status=DONE
timeline=1
begin_wal=000000010000000000000003
end_wal=000000010000000000000003
end_time=2025-10-24 02:26:08+00:00
`;

function folder(info: string | undefined, names: string[], ageMs = 0): BackupFolder {
  return {
    id: '20251024T022608',
    objects: names.map((name) => ({
      key: `s/base/20251024T022608/${name}`,
      sizeBytes: 10,
      lastModified: new Date(NOW - ageMs),
    })),
    plainDirectory: false,
    info: info === undefined ? undefined : parseBackupInfo(info),
  };
}

function judge(info: string | undefined, names: string[], ageMs = 0) {
  const { state, reason } = toBackup(folder(info, names, ageMs), 's', NOW);
  return { state, reason };
}

describe('parts', () => {
  it('come in order: the data by number, then each tablespace by number, with their codecs', () => {
    const info = `${DONE}tablespaces=[('b', 200, '/b'), ('a', 100, '/a')]\n`;
    const names = [
      '100_0001.tar.gz',
      '100.tar.gz',
      '200.tar',
      'data_0010.tar',
      'data_0002.tar',
      'data.tar',
      'backup.info',
    ];
    for (let n = 1; n <= 9; n++) if (n !== 2) names.push(`data_000${n}.tar`);
    const backup = toBackup(folder(info, names), 's', NOW);
    expect(backup.state).toBe('complete');
    expect(backup.parts.map(({ key }) => key.split('/').at(-1))).toEqual([
      'data.tar',
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `data_000${n}.tar`),
      'data_0010.tar',
      '200.tar',
      '100.tar.gz',
      '100_0001.tar.gz',
    ]);
    expect(backup.parts.at(-1)).toEqual({
      role: 'tablespace',
      oid: 100,
      key: 's/base/20251024T022608/100_0001.tar.gz',
      sizeBytes: 10,
      layers: ['gzip'],
    });
    expect(backup.storedBytes).toBe(140);
  });
});

describe('state', () => {
  it('is complete for DONE, and for WAITING_FOR_WALS as far as the copy goes', () => {
    expect(judge(DONE, ['data.tar']).state).toBe('complete');
    expect(judge(DONE.replace('DONE', 'WAITING_FOR_WALS'), ['data.tar']).state).toBe('complete');
  });

  it.each([
    [[], '', 'data.tar is missing'],
    [['data_0001.tar'], '', 'data.tar is missing'],
    [['data.tar', 'data_0001.tar', 'data_0004.tar'], '', 'data_0002.tar is missing; data_0003.tar is missing'],
    [['data.tar', 'data.tar.gz'], '', 'data.tar is there twice'],
    [['data.tar'], "tablespaces=[('ts', 100, '/ts')]\n", "100.tar, a tablespace's, is missing"],
    [['data.tar', '100_0001.tar'], "tablespaces=[('ts', 100, '/ts')]\n", '100.tar is missing'],
    [['data.tar', '100.tar'], '', '100.tar belongs to no tablespace that backup.info names'],
  ])('is failed for DONE with %j', (names, more, reason) => {
    expect(judge(DONE + more, names)).toEqual({ state: 'failed', reason });
  });

  it('is failed when backup.info lacks what a restore needs', () => {
    expect(judge('status=DONE\ntimeline=1\n', ['data.tar'])).toEqual({
      state: 'failed',
      reason: 'backup.info has no begin_wal; backup.info has no end_wal; backup.info has no end_time',
    });
  });

  it("is failed with barman's own words", () => {
    expect(judge('status=FAILED\nerror=failure uploading data (timeout)\n', [])).toEqual({
      state: 'failed',
      reason: 'barman says: failure uploading data (timeout)',
    });
  });

  it.each([
    ["snapshots_info={'provider': 'gcp'}\n", ['backup_label'], /disk snapshots/],
    ['encryption=gpg\n', ['data.tar.gz'], /encrypted \(gpg\)/],
    ['parent_backup_id=20251023T000000\n', ['data.tar'], /on top of 20251023T000000: pg_combinebackup/],
    ['', ['data.tar.gz.gpg'], /does not read data\.tar\.gz\.gpg/],
  ])('is unsupported with %j and %j', (more, names, reason) => {
    expect(judge(DONE + more, names)).toEqual({ state: 'unsupported', reason: expect.stringMatching(reason) });
  });

  it("is unsupported for a barman server's plain directory, and for a status of the future", () => {
    expect(toBackup({ ...folder(DONE, []), plainDirectory: true }, 's', NOW)).toMatchObject({
      state: 'unsupported',
      reason: expect.stringMatching(/plain directory/),
    });
    expect(judge('status=RESTING\n', ['data.tar'])).toEqual({
      state: 'unsupported',
      reason: 'ODO does not know its status RESTING',
    });
  });

  it.each([undefined, 'status=STARTED\n', 'status=EMPTY\n', 'status=SYNCING\n'])(
    'goes by the newest object for %j',
    (info) => {
      expect(judge(info, ['data.tar'], DIED_AFTER_MS - 1)).toMatchObject({
        state: 'running',
        reason: expect.stringMatching(/newest object is of 2025-10-24T09:00:00/),
      });
      expect(judge(info, ['data.tar'], DIED_AFTER_MS)).toMatchObject({
        state: 'died',
        reason: expect.stringMatching(/2025-10-24T09:00:00.000Z: it did not/),
      });
    },
  );
});
