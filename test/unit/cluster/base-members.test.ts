import { expect, it } from 'vitest';
import { isIncremental, leadsOut, mayBeLink, placeBaseMember } from '../../../src/cluster/base-members.ts';
import type { TarEntry } from '../../../src/stream/bytes/entry.ts';

function member(path: string, type: TarEntry['type'] = 'file', linkName?: string): TarEntry {
  return {
    path,
    type,
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtimeMs: 0,
    sizeBytes: 0,
    ...(linkName === undefined ? {} : { linkName }),
  };
}

it('holds back pg_control, and no other file of that name', () => {
  expect(placeBaseMember(member('global/pg_control'))).toBe('held');
  expect(placeBaseMember(member('base/5/pg_control'))).toBe('keep');
});

it.each([
  ['recovery.signal', 'file'],
  ['standby.signal', 'file'],
  ['postmaster.pid', 'file'],
  ['postmaster.opts', 'file'],
  ['backup_label.old', 'file'],
  ['tablespace_map.old', 'file'],
  ['pg_tblspc/16387', 'symlink'],
  ['pg_tblspc/16387/PG_15/5/1', 'file'],
  ['pg_wal', 'symlink'],
  ['pg_stat_tmp', 'symlink'],
  ['.odo', 'directory'],
  ['.odo/previous/PG_VERSION', 'file'],
] as const)('lays %s (%s) nowhere', (path, type) => {
  expect(placeBaseMember(member(path, type))).toBe('skip');
});

it.each([
  ['PG_VERSION', 'file'],
  ['backup_label', 'file'],
  ['tablespace_map', 'file'],
  ['postgresql.auto.conf', 'file'],
  ['pg_tblspc', 'directory'],
  ['pg_wal', 'directory'],
  ['pg_wal/000000010000000000000002', 'file'],
  ['base/5/postmaster.pid', 'file'],
  ['.odometer', 'file'],
  ['', 'directory'],
] as const)('lays %j (%s) at its own path', (path, type) => {
  expect(placeBaseMember(member(path, type))).toBe('keep');
});

it("keeps the user's links, and none through which the copy would share the server's data", () => {
  for (const path of ['postgresql.conf', 'server.key', 'log'])
    expect([path, mayBeLink(member(path, 'symlink'))]).toEqual([path, true]);
  for (const path of [
    'global',
    'base',
    'base/5',
    'pg_xact',
    'pg_tblspc',
    'postgresql.auto.conf',
    'backup_label',
    'PG_VERSION',
  ]) {
    expect([path, mayBeLink(member(path, 'symlink'))]).toEqual([path, false]);
  }
});

it.each([
  ['log', '/var/log/pg', true],
  ['log', '../log', true],
  ['a/b', '../c', false],
  ['a/b', '../../c', true],
  ['log', 'elsewhere/log', false],
])('sees where the link %s -> %s leads: out is %s', (path, linkName, expected) => {
  expect(leadsOut(member(path, 'symlink', linkName))).toBe(expected);
});

it('knows the files of incremental backups in whatever directory', () => {
  expect(isIncremental(member('base/5/INCREMENTAL.1259'))).toBe(true);
  expect(isIncremental(member('base/5/1259'))).toBe(false);
  expect(isIncremental(member('INCREMENTAL.d/1259'))).toBe(false);
});
