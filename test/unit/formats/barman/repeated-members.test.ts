import { expect, it } from 'vitest';
import { mayRepeat } from '../../../../src/formats/barman/repeated-members.ts';
import type { TarEntry } from '../../../../src/stream/bytes/entry.ts';

const file = (path: string): TarEntry => ({
  path,
  type: 'file',
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtimeMs: 0,
  sizeBytes: 0,
});

it('lets configuration files come again, two files with the same bytes, and no other of the server', () => {
  expect(mayRepeat(file('postgresql.conf'))).toBe('later');
  for (const path of ['backup_label', 'backup_manifest']) expect(mayRepeat(file(path))).toBe('same');
  for (const path of ['PG_VERSION', 'base/5/1', 'global/pg_control']) expect(mayRepeat(file(path))).toBeUndefined();
});
