import { describe, expect, it } from 'vitest';
import { findRepositories, openRepository, openWalArchive } from '../../../../src/formats/registry/registry.ts';
import { fixtureStore, folderNames } from '../../parts/fixture-store.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

async function found(store: MemoryStore, key: string) {
  const { repositories, backupId } = await findRepositories(store, key);
  const where = repositories.map(({ ref, server }) => `${ref.format} ${ref.root} ${server}`);
  return backupId === undefined ? where : [...where, backupId];
}

describe('barman', () => {
  const store = fixtureStore('barman');
  const [id = ''] = folderNames(store, 'prefix/pg17/base/');
  const pg17 = 'barman prefix/pg17/ pg17';

  it.each(['', 'prefix', 'prefix/'])('finds all servers under %j', async (key) => {
    expect(await found(store, key)).toEqual(['barman prefix/pg15/ pg15', pg17, 'barman prefix/pg18/ pg18']);
  });

  it.each([
    'prefix/pg17',
    'prefix/pg17/',
    'prefix/pg17/base',
    'prefix/pg17/base/',
    'prefix/pg17/wals/',
    'prefix/pg17/wals/0000000100000000',
  ])('finds the server at %j', async (key) => {
    expect(await found(store, key)).toEqual([pg17]);
  });

  it('looks into each folder once where the URL points at a repository or a backup', async () => {
    for (const key of ['prefix/pg17/', `prefix/pg17/base/${id}`]) {
      const fresh = fixtureStore('barman');
      await found(fresh, key);
      const listed = fresh.requests.filter((request) => request.startsWith('list '));
      expect(listed).toEqual([...new Set(listed)]);
    }
  });

  it.each(['', '/', '/backup.info', '/data.tar', '/data_0001.tar'])('finds the backup at <id>%s', async (rest) => {
    expect(await found(store, `prefix/pg17/base/${id}${rest}`)).toEqual([pg17, id]);
  });

  it('finds a server at the top of a bucket, and one that has WAL alone', async () => {
    expect(await found(new MemoryStore({ 'base/20251024T000000/backup.info': '' }), '')).toEqual(['barman  bucket']);
    expect(await found(new MemoryStore({ 's/wals/0000000100000000/000000010000000000000001': '' }), '')).toEqual([
      'barman s/ s',
    ]);
    expect(await found(new MemoryStore({ 's/wals/00000002.history.gz': '' }), 's')).toEqual(['barman s/ s']);
  });

  it('tells when the repository is out of sight', async () => {
    const inside = new MemoryStore({ '20251024T000000/backup.info': '', '20251024T000000/data.tar': '' });
    await expect(findRepositories(inside, '')).rejects.toMatchObject({
      code: 'notFound',
      hint: expect.stringContaining('base/ and wals/'),
    });
  });
});

describe('pg_basebackup', () => {
  const store = fixtureStore('basebackup');
  const pg15 = 'basebackup backups/pg15/ pg15';

  it('finds the servers, each with its sets', async () => {
    expect(await found(store, '')).toEqual([pg15, 'basebackup backups/pg17/ pg17', 'basebackup backups/pg18/ pg18']);
    expect(await found(store, 'backups/pg15')).toEqual([pg15]);
  });

  it.each(['', '/', '/base.tar.gz', '/backup_manifest'])('finds the set at <id>%s', async (rest) => {
    expect(await found(store, `backups/pg15/20251024T100000${rest}`)).toEqual([pg15, '20251024T100000']);
  });

  it('looks at a thousand dated folders by a few listings', async () => {
    const objects: Record<string, string> = { 'b/other/20240101/base.tar': '' };
    for (let n = 0; n < 1000; n++) objects[`b/2025${String(n).padStart(4, '0')}/base.tar.gz`] = '';
    const many = new MemoryStore(objects);
    expect(await found(many, '')).toEqual(['basebackup b/ b', 'basebackup b/other/ other']);
    expect(many.requests.length).toBeLessThan(30);
  });

  it('takes a base/ that is a set, or holds sets, for what it is', async () => {
    expect(await found(new MemoryStore({ 'pg/base/base.tar': '' }), '')).toEqual(['basebackup pg/ pg']);
    expect(await found(new MemoryStore({ 'pg/base/base.tar': '' }), 'pg/base/base.tar')).toEqual([
      'basebackup pg/ pg',
      'base',
    ]);
    expect(await found(new MemoryStore({ 'pg/base/20251024/base.tar.gz': '' }), 'pg')).toEqual([
      'basebackup pg/base/ base',
    ]);
  });

  it('takes a set at the very top of the store', async () => {
    const top = new MemoryStore({ 'base.tar.gz': '', backup_manifest: '' });
    expect(await found(top, '')).toEqual(['basebackup  bucket', 'bucket']);
    expect(await found(top, 'base.tar.gz')).toEqual(['basebackup  bucket', 'bucket']);
    const { repositories } = await findRepositories(top, '');
    expect((await repositories[0]?.catalogue())?.map(({ id }) => id)).toEqual(['bucket']);
  });
});

describe('a search', () => {
  it('is not led astray by names that only begin alike', async () => {
    const store = new MemoryStore({
      'pg-old/1/base.tar': '',
      'pg.txt': '',
      'pg/1/base.tar': '',
      'pg/1/base.tar.gz.sha256': '',
    });
    expect(await found(store, 'pg')).toEqual(['basebackup pg/ pg']);
    expect(await found(store, 'pg/1/base.tar')).toEqual(['basebackup pg/ pg', '1']);
  });

  it('takes empty objects that stand for folders for nothing', async () => {
    expect(await found(new MemoryStore({ 'pg/': '', 'pg/1/': '', 'pg/1/base.tar': '' }), 'pg')).toEqual([
      'basebackup pg/ pg',
    ]);
  });

  it('goes four levels down and no further', async () => {
    expect(await found(new MemoryStore({ 'a/b/c/d/base.tar': '' }), '')).toEqual(['basebackup a/b/c/ c']);
    await expect(findRepositories(new MemoryStore({ 'a/b/c/d/e/base.tar': '' }), '')).rejects.toMatchObject({
      code: 'notFound',
    });
  });

  it('gives up when there is too much to look through', async () => {
    const objects: Record<string, string> = {};
    for (let n = 0; n < 2100; n++) objects[`folder-${n.toString(36)}/x`] = '';
    await expect(findRepositories(new MemoryStore(objects), '')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('more than 2000 folders'),
    });
  });

  it('says what it has seen', async () => {
    const store = new MemoryStore({ 'photos/a.jpg': '', 'notes.txt': '' });
    await expect(findRepositories(store, '')).rejects.toMatchObject({
      code: 'notFound',
      message: 'no backup found under s3://bucket/: there is photos/, notes.txt',
    });
    await expect(findRepositories(store, 'backup')).rejects.toMatchObject({
      message:
        'no backup found under s3://bucket/backup/: there is nothing there; in s3://bucket/ there is ' +
        'photos/, notes.txt',
    });
  });

  it('names the tool of a repository that it does not read', async () => {
    const store = new MemoryStore({ 'r/archive/main/archive.info': '', 'r/backup/main/backup.info': '' });
    await expect(findRepositories(store, '')).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringContaining('pgBackRest'),
    });
  });

  it('can be cancelled', async () => {
    const signal = AbortSignal.abort();
    await expect(findRepositories(fixtureStore('barman'), '', signal)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

it('opens again what was found', async () => {
  const store = fixtureStore('barman');
  const ref = { format: 'barman', root: 'prefix/pg17/' } as const;
  expect(await openRepository(store, ref)).toMatchObject({ ref, server: 'pg17' });
  expect(await (await openWalArchive(store, ref))?.histories()).toHaveLength(1);
  expect(await openWalArchive(store, { format: 'basebackup', root: '' })).toBeUndefined();
});

describe('keys that begin with a slash', () => {
  const files = { '/shop/base/20251024T000000/backup.info': '', '/shop/wals/00000002.history': '' };
  const store = new MemoryStore(files);

  it('are a repository of their own, which a URL with two slashes means', async () => {
    expect(await found(store, '/shop')).toEqual(['barman /shop/ shop']);
    expect(await found(store, '/shop/base/20251024T000000')).toEqual(['barman /shop/ shop', '20251024T000000']);
    expect(await found(store, '')).toEqual(['barman /shop/ shop']);
    const keys: string[] = [];
    const archive = await openWalArchive(store, { format: 'barman', root: '/shop/' });
    for (const { key } of (await archive?.histories()) ?? []) keys.push(key);
    expect(keys).toEqual(['/shop/wals/00000002.history']);
  });

  it('are not what is meant where there is nothing of that name', async () => {
    const plain = new MemoryStore({ 'shop/base/20251024T000000/backup.info': '' });
    expect(await found(plain, '/shop')).toEqual(['barman shop/ shop']);
    await expect(findRepositories(plain, '/other')).rejects.toMatchObject({
      message: expect.stringContaining('bucket//other'),
    });
  });

  it('are told of where one is missing', async () => {
    await expect(findRepositories(store, 'shop')).rejects.toMatchObject({
      code: 'notFound',
      hint: expect.stringContaining('try s3://bucket//shop/'),
    });
  });
});

it('tells of what was deleted and is still kept, where nothing else is there', async () => {
  const asked: string[] = [];
  class Versioned extends MemoryStore {
    async countDeleted(prefix: string) {
      asked.push(prefix);
      return { objects: 1000, isMore: true, lastAt: new Date('2026-11-02T00:00:00Z') };
    }
  }
  await expect(findRepositories(new Versioned({ 'shop/readme': '' }), 'shop')).rejects.toMatchObject({
    code: 'notFound',
    message: expect.stringContaining(
      'more than 1000 objects there were deleted, the last of them at 2026-11-02T00:00:00.000Z',
    ),
    hint: expect.stringContaining("list-object-versions --bucket bucket --prefix 'shop/'"),
  });
  expect(asked).toEqual(['shop/']);
});
