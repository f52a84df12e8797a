import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DIED_AFTER_MS } from '../../../../src/formats/basebackup/backup.ts';
import { basebackup } from '../../../../src/formats/basebackup/basebackup.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { fixtureStore } from '../../parts/fixture-store.ts';
import { LABEL, makeTar } from '../../parts/make-tar.ts';
import { type MemoryObject, MemoryStore } from '../../parts/memory-store.ts';

const ISO = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const LSN = /^0\/[0-9A-F]+$/;

async function backupsOf(server: string, change?: (objects: Map<string, MemoryObject>) => void) {
  const store = fixtureStore('basebackup', change);
  const repository = await basebackup.open(store, `backups/${server}/`);
  return { store, repository, backups: await repository.catalogue() };
}

function namesOf(backup: Backup | undefined): string[] {
  return (backup?.parts ?? []).map(({ key }) => key.slice(key.lastIndexOf('/') + 1));
}

describe('PostgreSQL 15, gzip, with tablespaces', () => {
  it('is read from the head of base.tar.gz', async () => {
    const { backups, store } = await backupsOf('pg15');
    expect(backups.map(({ id, state }) => [id, state])).toEqual([
      ['20251024T100000', 'complete'],
      ['20251024T110000', 'complete'],
    ]);
    expect(backups[0]).toEqual({
      id: '20251024T100000',
      format: 'basebackup',
      state: 'complete',
      server: 'pg15',
      beginTime: expect.stringMatching(ISO),
      endTime: expect.stringMatching(ISO),
      timeline: 1,
      beginWal: '000000010000000000000002',
      beginLsn: '0/2000028',
      walSegmentSizeBytes: 16 * 1024 * 1024,
      tablespaces: [
        { oid: 16384, location: '/tmp/ts one' },
        { oid: 16385, location: '/tmp/ts\\two' },
      ],
      parts: [
        expect.objectContaining({ role: 'base', layers: ['gzip'] }),
        expect.objectContaining({ role: 'tablespace', oid: 16384 }),
        expect.objectContaining({ role: 'tablespace', oid: 16385 }),
        expect.objectContaining({ role: 'wal', layers: ['gzip'] }),
      ],
      storedBytes: expect.any(Number),
      wal: 'included',
      manifestKey: 'backups/pg15/20251024T100000/backup_manifest',
    });
    expect(namesOf(backups[0])).toEqual(['base.tar.gz', '16384.tar.gz', '16385.tar.gz', 'pg_wal.tar.gz']);
    expect(store.requests.filter((request) => request.startsWith('list'))).toEqual(['list backups/pg15/']);
  });

  it('is described from its manifest and its WAL', async () => {
    const { repository, backups } = await backupsOf('pg15');
    const [withManifest, without] = await Promise.all(backups.map((backup) => repository.describe(backup)));
    expect(withManifest).toMatchObject({
      postgresMajor: 15,
      systemIdentifier: expect.stringMatching(/^\d{19}$/),
      endLsn: expect.stringMatching(LSN),
      endWal: '000000010000000000000002',
      walSegmentSizeBytes: 16 * 1024 * 1024,
    });
    expect(withManifest?.restoredBytes).toBeGreaterThan(36_000_000);
    expect(withManifest?.restoredFiles).toBeGreaterThan(900);
    expect(
      withManifest?.tablespaces.map(({ oid, restoredBytes, restoredFiles }) => [oid, restoredBytes, restoredFiles]),
    ).toEqual([
      [16384, 40960, 1],
      [16385, 8192, 1],
    ]);
    // pg_basebackup --no-manifest: the WAL tells the version all the same
    expect(without).toMatchObject({
      state: 'complete',
      postgresMajor: 15,
      systemIdentifier: withManifest?.systemIdentifier,
    });
    expect(without?.endWal).toBeUndefined();
  });

  it('is incomplete without the tar of a tablespace of its map', async () => {
    const { backups } = await backupsOf('pg15', (objects) =>
      objects.delete('backups/pg15/20251024T100000/16385.tar.gz'),
    );
    expect(backups[0]).toMatchObject({
      state: 'failed',
      reason: '16385.tar (the tablespace at /tmp/ts\\two) is missing',
    });
  });

  it('is running or dead without base.tar', async () => {
    const remove = (lastModified: Date) => (objects: Map<string, MemoryObject>) => {
      objects.delete('backups/pg15/20251024T100000/base.tar.gz');
      for (const object of objects.values()) object.lastModified = lastModified;
    };
    const dead = await backupsOf('pg15', remove(new Date(Date.now() - DIED_AFTER_MS - 1000)));
    expect(dead.backups[0]).toMatchObject({ id: '20251024T100000', state: 'died', reason: 'base.tar is missing' });
    const running = await backupsOf('pg15', remove(new Date()));
    expect(running.backups[0]).toMatchObject({ state: 'running' });
  });

  it('is refused when its manifest is of another cluster, or damaged', async () => {
    const key = 'backups/pg15/20251024T100000/backup_manifest';
    const foreign = await backupsOf('pg15', (objects) => {
      const other = objects.get('backups/pg17/20251024T100000/backup_manifest')?.content ?? Buffer.alloc(0);
      objects.set(key, { content: other });
    });
    await expect(foreign.repository.describe(foreign.backups[0] as Backup)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('mixes two clusters'),
    });
    const cut = await backupsOf('pg15', (objects) => {
      const content = objects.get(key)?.content ?? Buffer.alloc(0);
      objects.set(key, { content: content.subarray(0, -100) });
    });
    await expect(cut.repository.describe(cut.backups[0] as Backup)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(`s3://bucket/${key}: backup_manifest cannot be read`),
    });
  });
});

describe('PostgreSQL 17, segments of 1 MiB, -X fetch', () => {
  it('has the WAL in base.tar and tells its version by PG_VERSION', async () => {
    const { repository, backups } = await backupsOf('pg17');
    expect(namesOf(backups[0])).toEqual(['base.tar']);
    const described = await repository.describe(backups[0] as Backup);
    expect(described).toMatchObject({
      state: 'complete',
      postgresMajor: 17,
      systemIdentifier: expect.stringMatching(/^\d{19}$/),
      walSegmentSizeBytes: 1024 * 1024,
      beginWal: expect.stringMatching(/^0{7}1/),
      tablespaces: [],
    });
    expect(described.endWal).toBe(described.beginWal);
  });

  it('refuses the incremental one', async () => {
    const { repository, backups } = await backupsOf('pg17');
    expect(backups[1]).toMatchObject({ state: 'unsupported', reason: expect.stringContaining('pg_combinebackup') });
    expect(await repository.describe(backups[1] as Backup)).toBe(backups[1]);
  });
});

describe('PostgreSQL 18, timeline 2', () => {
  it('reads zstd and lz4', async () => {
    const { backups } = await backupsOf('pg18');
    expect(backups.find(({ id }) => id === '20251024T100000')).toMatchObject({
      state: 'complete',
      timeline: 2,
      beginWal: expect.stringMatching(/^00000002/),
    });
    expect(backups.find(({ id }) => id === '20251024T110000')).toMatchObject({
      state: 'complete',
      timeline: 2,
      parts: [{ role: 'base', layers: ['lz4'] }, expect.objectContaining({ role: 'wal' })],
    });
  });

  it('finds the first WAL page behind the history file', async () => {
    const { repository, backups } = await backupsOf('pg18', (objects) =>
      objects.delete('backups/pg18/20251024T100000/backup_manifest'),
    );
    const { manifestKey, ...backup } = backups.find(({ id }) => id === '20251024T100000') as Backup;
    expect(manifestKey).toBeUndefined();
    expect(await repository.describe(backup)).toMatchObject({
      postgresMajor: 18,
      systemIdentifier: expect.stringMatching(/^\d{19}$/),
    });
  });
});

describe('other sets', () => {
  async function only(objects: Record<string, MemoryObject | string>): Promise<Backup> {
    const [backup, ...others] = await (await basebackup.open(new MemoryStore(objects), 'sets/')).catalogue();
    expect(others).toEqual([]);
    return backup as Backup;
  }

  it('takes data.tar for base.tar in a set of the predecessor, but not beside a base.tar', async () => {
    const content = gzipSync(await makeTar({ backup_label: LABEL, PG_VERSION: '14\n' }));
    expect(await only({ 'sets/20231024/data.tar.gz': { content } })).toMatchObject({
      id: '20231024',
      state: 'complete',
      parts: [{ role: 'base', layers: ['gzip'] }],
    });
    const both = await only({ 'sets/20231024/data.tar.gz': { content }, 'sets/20231024/base.tar.gz': { content } });
    expect(namesOf(both)).toEqual(['base.tar.gz']);
  });

  it('leaves the parts of a barman backup alone', async () => {
    const store = new MemoryStore({ 'sets/x/data.tar': '', 'sets/x/backup.info': '' });
    expect(await (await basebackup.open(store, 'sets/')).catalogue()).toEqual([]);
  });

  it.each([
    ['a cold tar', { 'base.tar': { PG_VERSION: '15\n' } }, 'unsupported', 'does not begin with backup_label'],
    ['an empty tar', { 'base.tar': {} }, 'unsupported', 'does not begin with backup_label'],
    [
      'a label without a start',
      { 'base.tar': { backup_label: 'LABEL: x\n' } },
      'failed',
      'no readable START WAL LOCATION',
    ],
    [
      'a label without a time',
      { 'base.tar': { backup_label: LABEL.replace(/START TIME.*/, '') } },
      'failed',
      'START TIME',
    ],
    [
      'two base tars',
      { 'base.tar': { backup_label: LABEL }, 'base.tar.gz': {} },
      'failed',
      'it holds base.tar and base.tar.gz',
    ],
    ['a tar that ODO does not know', { 'base.tar.gz.age': {} }, 'unsupported', 'does not read base.tar.gz.age'],
  ] as const)('judges %s', async (_, tars, state, reason) => {
    const objects: Record<string, MemoryObject> = {};
    for (const [name, members] of Object.entries(tars))
      objects[`sets/x/${name}`] = { content: await makeTar(members as Record<string, string>) };
    expect(await only(objects)).toMatchObject({ id: 'x', state, reason: expect.stringContaining(reason) });
  });

  it('judges what is no tar at all', async () => {
    expect(await only({ 'sets/x/base.tar': 'x'.repeat(2000) })).toMatchObject({
      state: 'failed',
      reason: 's3://bucket/sets/x/base.tar is not a tar',
    });
    expect(await only({ 'sets/x/base.tar.gz': 'x'.repeat(2000) })).toMatchObject({ state: 'failed' });
  });

  it('finds the version in a WAL segment of base.tar, or not at all', async () => {
    const page = Buffer.alloc(8192);
    page.writeUInt16LE(0xd116, 0);
    page.writeUInt16LE(2, 2);
    const fetched = await makeTar({ backup_label: LABEL, 'pg_wal/000000010000000000000002': page });
    const neither = await makeTar({ backup_label: LABEL, tablespace_map: '' });
    const store = new MemoryStore({ 'sets/a/base.tar': { content: fetched }, 'sets/b/base.tar': { content: neither } });
    const repository = await basebackup.open(store, 'sets/');
    const [a, b] = await repository.catalogue();
    expect((await repository.describe(a as Backup)).postgresMajor).toBe(17);
    expect((await repository.describe(b as Backup)).postgresMajor).toBeUndefined();
  });
});
