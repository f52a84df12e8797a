import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../../../src/store/kinds/open.ts';

test('opens a bucket, with the key that the URL points at', () => {
  const { store, key } = openStore({ url: 's3://backups/main/base', endpoint: 'http://127.0.0.1:1' });
  expect(store.url).toBe('s3://backups');
  expect(key).toBe('main/base');
  store.close();
});

test('opens a directory, and for a file the directory that it lies in', () => {
  const directory = mkdtempSync(join(tmpdir(), 'odo-open-'));
  try {
    writeFileSync(join(directory, 'base.tar'), '');
    expect(openStore({ url: directory })).toMatchObject({ store: { url: `file://${directory}` }, key: '' });
    expect(openStore({ url: join(directory, 'base.tar') })).toMatchObject({
      store: { url: `file://${directory}` },
      key: 'base.tar',
    });
    expect(openStore({ url: join(directory, 'none') })).toMatchObject({
      store: { url: `file://${directory}/none` },
      key: '',
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
