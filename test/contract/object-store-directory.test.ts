import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createDirectoryStore } from '../../src/store/kinds/directory.ts';
import { objectStoreContract } from './object-store.contract.ts';

objectStoreContract('a directory', async () => {
  const root = await mkdtemp(join(tmpdir(), 'odo-store-'));
  return {
    store: createDirectoryStore(root),
    missing: createDirectoryStore(join(root, 'no-such-directory')),
    async put(key, content) {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), content);
    },
    remove: () => rm(root, { recursive: true }),
  };
});

test('a directory store follows links below its root only, and no link in a circle', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'odo-outside-'));
  const root = await mkdtemp(join(tmpdir(), 'odo-store-'));
  try {
    await writeFile(join(outside, 'secret'), 'secret');
    await mkdir(join(root, 'real'));
    await writeFile(join(root, 'real/file'), 'content');
    await symlink(outside, join(root, 'out'));
    await symlink(join(outside, 'secret'), join(root, 'out-file'));
    await symlink('real/file', join(root, 'in-file'));
    await symlink('real', join(root, 'in'));
    await symlink('..', join(root, 'real/up'));
    await symlink('nowhere', join(root, 'dangling'));
    const store = createDirectoryStore(root);
    const keys: string[] = [];
    for await (const entry of store.list('')) keys.push(entry.kind === 'object' ? entry.key : entry.prefix);
    expect(keys).toEqual(['in-file', 'in/file', 'real/file']);
    expect(await store.head('out/secret')).toBeUndefined();
    expect(await store.head('../escape')).toBeUndefined();
    await expect(store.read('out-file')).rejects.toMatchObject({ code: 'notFound' });
    await expect(store.read('real/../../secret')).rejects.toMatchObject({ code: 'notFound' });
  } finally {
    await rm(root, { recursive: true });
    await rm(outside, { recursive: true });
  }
});
