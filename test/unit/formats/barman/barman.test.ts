import { describe, expect, it } from 'vitest';
import { DIED_AFTER_MS } from '../../../../src/formats/barman/backup.ts';
import { barman } from '../../../../src/formats/barman/barman.ts';
import { fixtureStore, folderNames } from '../../parts/fixture-store.ts';
import type { MemoryObject } from '../../parts/memory-store.ts';

const LSN = /^0\/[0-9A-F]+$/;
const SEGMENT = /^[0-9A-F]{24}$/;
const ISO = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** The fixture as it looks days later. */
function longAgo(objects: Map<string, MemoryObject>): void {
  for (const object of objects.values()) object.lastModified = new Date(Date.now() - 2 * DIED_AFTER_MS);
}

async function catalogueOf(server: string, change: (objects: Map<string, MemoryObject>) => void = () => {}) {
  const store = fixtureStore('barman', (objects) => {
    longAgo(objects);
    change(objects);
  });
  const repository = await barman.open(store, `prefix/${server}/`);
  return { store, repository, ids: folderNames(store, `prefix/${server}/base/`) };
}

describe('barman 3.4 with PostgreSQL 15 and segments of 1 MiB', () => {
  it('has one that is compressed with bzip2 and one in five parts', async () => {
    const { repository, ids } = await catalogueOf('pg15');
    const [compressed, split] = await repository.catalogue();
    expect(compressed).toMatchObject({
      id: ids[0],
      state: 'complete',
      parts: [{ layers: ['bzip2'] }],
    });
    expect(split).toEqual({
      id: ids[1],
      format: 'barman',
      state: 'complete',
      server: 'pg15',
      beginTime: expect.stringMatching(ISO),
      endTime: expect.stringMatching(ISO),
      postgresMajor: 15,
      systemIdentifier: expect.stringMatching(/^\d{19}$/),
      timeline: 1,
      beginWal: expect.stringMatching(SEGMENT),
      endWal: expect.stringMatching(SEGMENT),
      beginLsn: expect.stringMatching(LSN),
      endLsn: expect.stringMatching(LSN),
      walSegmentSizeBytes: 1024 * 1024,
      tablespaces: [],
      parts: ['data', 'data_0001', 'data_0002', 'data_0003', 'data_0004'].map((name) => ({
        role: 'base',
        key: `prefix/pg15/base/${ids[1]}/${name}.tar`,
        sizeBytes: expect.any(Number),
        etag: expect.any(String),
        layers: [],
      })),
      storedBytes: expect.any(Number),
      wal: 'archive',
    });
  });
});

describe('barman 3.13 with PostgreSQL 17', () => {
  it('has a named one with tablespaces, a failed one, one that died, and one on timeline 2', async () => {
    const { repository, ids, store } = await catalogueOf('pg17');
    const backups = await repository.catalogue();
    expect(backups.map(({ id, state }) => [id, state])).toEqual([
      [ids[1], 'failed'],
      [ids[2], 'died'],
      [ids[0], 'complete'],
      [ids[3], 'complete'],
    ]);
    const [failed, died, named, onTimeline2] = backups;
    expect(failed?.reason).toMatch(/^barman says: failure uploading data \(.*connection/i);
    expect(died).toMatchObject({
      reason: expect.stringMatching(/no backup\.info/),
      tablespaces: [],
      parts: [{ oid: 16384 }, { oid: 16384 }],
    });
    expect(named).toMatchObject({
      name: 'nightly',
      timeline: 1,
      tablespaces: [
        { oid: 16384, name: 'ts1', location: '/tmp/ts1' },
        { oid: 16385, name: "it's", location: '/tmp/ts 2' },
      ],
    });
    expect(named?.parts.map(({ key }) => key.split('/').at(-1))).toEqual([
      ...['data', 'data_0001', 'data_0002', 'data_0003', 'data_0004'].map((name) => `${name}.tar`),
      ...['16384', '16384_0001', '16384_0002', '16385'].map((name) => `${name}.tar`),
    ]);
    expect(named?.restoredBytes).toBeGreaterThan(20_000_000);
    expect(onTimeline2).toMatchObject({
      timeline: 2,
      beginWal: expect.stringMatching(/^00000002/),
      parts: [{ layers: ['gzip'] }, { oid: 16384 }, { oid: 16385 }],
    });

    // one listing for all, one read for each backup.info
    expect(store.requests.filter((request) => request.startsWith('list'))).toEqual(['list prefix/pg17/base/']);
    expect(store.requests.filter((request) => request.startsWith('read'))).toHaveLength(3);
  });

  it('is incomplete when a part of the middle or a tablespace is gone', async () => {
    const { repository, ids } = await catalogueOf('pg17', (objects) => {
      for (const key of [...objects.keys()]) if (/data_0002\.tar$|16385\.tar\.gz$/.test(key)) objects.delete(key);
    });
    const backups = await repository.catalogue();
    expect(backups.find(({ id }) => id === ids[0])).toMatchObject({
      state: 'failed',
      reason: 'data_0002.tar is missing',
    });
    expect(backups.find(({ id }) => id === ids[3])).toMatchObject({
      state: 'failed',
      reason: "16385.tar, a tablespace's, is missing",
    });
  });

  it('counts one with an unreadable backup.info as failed, and goes on', async () => {
    const { repository, ids } = await catalogueOf('pg17', (objects) => {
      const key =
        [...objects.keys()].find((name) => name.startsWith('prefix/pg17/') && name.endsWith('/backup.info')) ?? '';
      objects.set(key, { content: Buffer.from('stat') });
    });
    const backups = await repository.catalogue();
    expect(backups.find(({ id }) => id === ids[0])).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/no status/),
    });
    expect(backups.find(({ id }) => id === ids[3])).toMatchObject({ state: 'complete' });
  });
});

describe('barman 3.20 with PostgreSQL 18', () => {
  it('has one that died with status STARTED: that barman uploads backup.info at the beginning, too', async () => {
    const { repository, ids } = await catalogueOf('pg18');
    const backups = await repository.catalogue();
    expect(backups).toMatchObject([
      { id: ids[1], state: 'died', reason: expect.stringMatching(/its status is STARTED/), postgresMajor: 18 },
      { id: ids[0], state: 'complete', postgresMajor: 18 },
    ]);
    expect(await repository.describe(backups[1] as (typeof backups)[number])).toBe(backups[1]);
  });

  const waiting = (objects: Map<string, MemoryObject>) => {
    const [key, object] =
      [...objects].find(([name]) => name.startsWith('prefix/pg18/') && name.endsWith('/backup.info')) ?? [];
    if (!key || !object?.content) throw new Error('the fixture has no backup.info');
    const content = Buffer.from(object.content.toString().replace('status=DONE', 'status=WAITING_FOR_WALS'));
    objects.set(key, { content, lastModified: new Date() });
  };

  it('takes WAITING_FOR_WALS for complete once the WAL has arrived', async () => {
    const { repository, ids } = await catalogueOf('pg18', waiting);
    expect((await repository.catalogue()).find(({ id }) => id === ids[0])?.state).toBe('complete');
  });

  it('and for running as long as it has not', async () => {
    const { repository, ids } = await catalogueOf('pg18', (objects) => {
      waiting(objects);
      objects.delete('prefix/pg18/wals/0000000100000000/000000010000000000000002.gz');
    });
    expect((await repository.catalogue()).find(({ id }) => id === ids[0])).toMatchObject({
      state: 'running',
      reason: 'its status is WAITING_FOR_WALS, and 000000010000000000000002 is not in the archive yet',
    });
  });
});

it('passes over folders that are no backups, and steps over plain directories', async () => {
  const { ids } = await catalogueOf('pg18');
  const { repository, store } = await catalogueOf('pg18', (objects) => {
    objects.set('prefix/pg18/base/readme.txt', {});
    objects.set('prefix/pg18/base/lost+found/x', {});
    objects.set('prefix/pg18/base/20251024T000000/annotations/keep', {});
    for (let n = 0; n < 300; n++) objects.set(`prefix/pg18/base/20251024T000001/data/base/1/${n}`, {});
  });
  const backups = await repository.catalogue();
  expect(backups.map(({ id }) => id)).toEqual(['20251024T000001', ids[1], ids[0]]);
  expect(store.requests.filter((request) => request.startsWith('list'))).toHaveLength(3);
});

it('has an empty catalogue where only WAL has been archived', async () => {
  const { repository } = await catalogueOf('pg18', (objects) => {
    for (const key of [...objects.keys()]) if (key.includes('/base/')) objects.delete(key);
  });
  expect(await repository.catalogue()).toEqual([]);
});
