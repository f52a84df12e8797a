import { describe, expect, it } from 'vitest';
import { parseBackupInfo } from '../../../../src/formats/barman/backup-info.ts';

describe('backup.info', () => {
  it('splits at the first =, takes None for nothing, and passes over what it does not know', () => {
    const info = parseBackupInfo(`# a comment
status=FAILED
error=failure uploading data (a=b)
second line of it without an equals sign
backup_name = nightly
version=90624
timeline=None
end_time=2025-10-24 02:26:08.217166+02:00
a_key_of_the_future={1, 2}
`);
    expect(info).toEqual({
      status: 'FAILED',
      error: 'failure uploading data (a=b)',
      name: 'nightly',
      postgresMajor: 9,
      endTime: '2025-10-24T00:26:08.217Z',
      tablespaces: [],
      snapshots: false,
    });
  });

  it('reads tablespaces as Python wrote them', () => {
    const info = parseBackupInfo(
      `status=DONE\ntablespaces=[('ts1', 16384, '/tmp/ts1'), ("it's", 16385, '/tmp/ts 2')]\n`,
    );
    expect(info.tablespaces).toEqual([
      { oid: 16384, name: 'ts1', location: '/tmp/ts1' },
      { oid: 16385, name: "it's", location: '/tmp/ts 2' },
    ]);
  });

  it('spells positions in one way, whichever version of PostgreSQL wrote them', () => {
    expect(parseBackupInfo('status=DONE\nbegin_xlog=0/02000028\nend_xlog=1A/0F000000\n')).toMatchObject({
      beginLsn: '0/2000028',
      endLsn: '1A/F000000',
    });
  });

  it('tells a snapshot backup, an encrypted and an incremental one', () => {
    const info = parseBackupInfo(
      "status=DONE\nsnapshots_info={'provider': 'gcp'}\nencryption=gpg\nparent_backup_id=20251023T000000\n",
    );
    expect(info).toMatchObject({ snapshots: true, encryption: 'gpg', parentBackupId: '20251023T000000' });
  });

  it.each([
    ['', /no status/],
    ['status=DONE\ntimeline=one', /timeline is unreadable: 'one'/],
    ['status=DONE\nend_time=soon', /end_time is unreadable/],
    ['status=DONE\ntablespaces=[(1, 2)]', /tablespaces is unreadable/],
    ['status=DONE\ntablespaces=[(', /not a Python literal/],
    ['status=DONE\nversion=fifteen', /not a PostgreSQL version number/],
  ])('refuses %j', (text, message) => {
    expect(() => parseBackupInfo(text)).toThrow(message);
  });
});
