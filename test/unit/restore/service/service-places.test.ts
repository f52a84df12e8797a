import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { Service } from '../../../../src/docker/compose/service.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import {
  chooseOwner,
  locateData,
  locateTablespaces,
  mountsOf,
  namedUser,
  placesOfService,
  refuseOverlap,
  tablespaceLocation,
} from '../../../../src/restore/service/service-places.ts';
import type { PlaceProbe } from '../../../../src/tree/exchange/probe.ts';

function mount(destination: string, more: Partial<Mount> = {}): Mount {
  return { type: 'volume', source: `volume of ${destination}`, destination, readOnly: false, ...more };
}

function service(mounts: Mount[], more: Partial<Service> = {}): Service {
  return {
    name: 'db',
    project: 'shop',
    containers: [],
    imageRef: 'postgres',
    env: {},
    commandArgs: [],
    mounts,
    labels: {},
    ...more,
  };
}

function locate(volume: Mount, env: Record<string, string> = {}, others: Mount[] = []) {
  return locateData(service([volume, ...others], { env }), volume).place;
}

describe('the data directory', () => {
  it.each([
    ['/var/lib/postgresql/data', undefined, '/var/lib/postgresql/data', '/var/lib/postgresql/data/.odo'],
    ['/var/lib/postgresql/data/', undefined, '/var/lib/postgresql/data', '/var/lib/postgresql/data/.odo'],
    [
      '/var/lib/postgresql/data',
      '/var/lib/postgresql/data/pgdata',
      '/var/lib/postgresql/data/pgdata',
      '/var/lib/postgresql/data/.odo',
    ],
    [
      '/var/lib/postgresql',
      '/var/lib/postgresql/18/docker',
      '/var/lib/postgresql/18/docker',
      '/var/lib/postgresql/.odo',
    ],
    ['/var/lib/postgresql', undefined, '/var/lib/postgresql/data', '/var/lib/postgresql/.odo'],
    ['/bitnami', '/bitnami//data/./', '/bitnami/data', '/bitnami/.odo'],
    ['/srv/pg', undefined, '/srv/pg', '/srv/pg/.odo'],
  ])('on a volume at %s with PGDATA %s is %s', (destination, PGDATA, root, odoDir) => {
    expect(locate(mount(destination), PGDATA === undefined ? {} : { PGDATA })).toEqual({ root, odoDir });
  });

  it('must be on the volume that was named; the other one is told', () => {
    expect(() => locate(mount('/backups'), { PGDATA: '/data' }, [mount('/data')])).toThrow(
      expect.objectContaining({ code: 'serviceNotFound', hint: expect.stringContaining('volume of /data') }),
    );
    expect(() =>
      locate(mount('/var/lib/postgresql'), { PGDATA: '/var/lib/postgresql/data' }, [mount('/var/lib/postgresql/data')]),
    ).toThrow(expect.objectContaining({ code: 'serviceNotFound' }));
  });

  it('must be writable', () => {
    expect(() => locate(mount('/var/lib/postgresql/data', { readOnly: true }))).toThrow(
      expect.objectContaining({ code: 'serviceNotFound' }),
    );
  });

  it('tells what else is mounted inside', () => {
    const volume = mount('/var/lib/postgresql/data');
    const inside = mount('/var/lib/postgresql/data/pg_wal');
    const beside = [mount('/var/lib/postgresql/database'), mount('/var/lib')];
    expect(locateData(service([volume, inside, ...beside]), volume).inside).toEqual([inside]);
    expect(locateData(service([volume, ...beside]), volume).inside).toBeUndefined();
  });
});

const BACKUP: Backup = {
  id: 'b1',
  format: 'barman',
  state: 'complete',
  parts: [],
  wal: 'archive',
  tablespaces: [
    { oid: 16387, name: 'fast', location: '/mnt/fast' },
    { oid: 16388, location: '/mnt/slow' },
  ],
};

describe('a tablespace', () => {
  const volumes = service([mount('/mnt/fast'), mount('/mnt/slow'), mount('/other')]);

  it('goes where it was, or where it is sent by name, OID or old path', () => {
    expect(locateTablespaces(volumes, BACKUP, new Map()).map(({ place }) => place.root)).toEqual([
      '/mnt/fast',
      '/mnt/slow',
    ]);
    const chosen = new Map([
      ['fast', '/other/a'],
      ['/mnt/slow', '/other/b'],
    ]);
    expect(locateTablespaces(volumes, BACKUP, chosen)).toMatchObject([
      { oid: 16387, place: { root: '/other/a', odoDir: '/other/a/.odo' }, mount: { destination: '/other' } },
      { oid: 16388, place: { root: '/other/b', odoDir: '/other/b/.odo' } },
    ]);
    expect(tablespaceLocation({ oid: 16388, location: '/mnt/slow' }, new Map([['16388', '/x']]))).toBe('/x');
  });

  it('that the backup does not have cannot be sent anywhere', () => {
    expect(() => locateTablespaces(volumes, BACKUP, new Map([['fats', '/other']]))).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining('fats'),
        hint: expect.stringContaining('fast (/mnt/fast)'),
      }),
    );
  });

  it.each<[string[], string]>([
    [['-D', '/data/main'], '/data/main'],
    // Folders of configuration alone, which may name the data directory.
    [['-D', '/etc/postgresql'], '/data/pgdata'],
    [['-D', '/mounted'], '/data/pgdata'],
    [['-D', '/data/main', '-c', 'data_directory=/data/other'], '/data/other'],
    [[], '/data/pgdata'],
  ])('is the one that the command line %j names before PGDATA', (options, root) => {
    const mounts = [mount('/data'), mount('/mounted', { readOnly: true })];
    const told = service(mounts, { commandArgs: ['postgres', ...options], env: { PGDATA: '/data/pgdata' } });
    expect(locateData(told, mounts[0] as Mount).place.root).toBe(root);
  });

  it('is not taken from PGDATA when the command line names another volume', () => {
    const mounts = [mount('/data'), mount('/other')];
    const told = service(mounts, { commandArgs: ['postgres', '-D', '/other/main'], env: { PGDATA: '/data/pgdata' } });
    expect(() => locateData(told, mounts[0] as Mount)).toThrow(
      /data directory \/other\/main .* not on the volume at \/data/,
    );
  });

  it.each([
    ['no mount', []],
    ['a tmpfs', [mount('/mnt/slow', { type: 'tmpfs', source: '' })]],
    ['an anonymous volume that is not there yet', [mount('/mnt/slow', { source: '' })]],
    ['a read-only mount', [mount('/mnt/slow', { readOnly: true })]],
  ])('cannot go to %s', (_what, mounts) => {
    expect(() => locateTablespaces(service([mount('/mnt/fast'), ...mounts]), BACKUP, new Map())).toThrow(
      expect.objectContaining({ code: 'serviceNotFound', message: expect.stringContaining('/mnt/slow') }),
    );
  });
});

describe('the places of one restore', () => {
  const place = (root: string) => ({ root, odoDir: `${root}/.odo` });
  const data = { place: { root: '/pg/data', odoDir: '/pg/.odo' }, mount: mount('/pg') };

  it.each([['/pg/data'], ['/pg/data/'], ['/pg/data/ts'], ['/pg'], ['/']])('do not overlap, as %s would', (root) => {
    expect(() => placesOfService(data, [{ oid: 1, place: place(root) }])).toThrow(
      expect.objectContaining({ code: 'unsafeTarget' }),
    );
  });

  it('do not overlap with each other either', () => {
    const at = (...roots: string[]) =>
      refuseOverlap({ pgdata: data.place, tablespaces: roots.map((root, oid) => ({ oid, place: place(root) })) });
    expect(() => at('/ts/a', '/ts/a/b')).toThrow(expect.objectContaining({ code: 'unsafeTarget' }));
    expect(() => at('/ts/a', '/ts/a')).toThrow(expect.objectContaining({ code: 'unsafeTarget' }));
    expect(() => at('/ts/a', '/ts/ab', '/pg/database', '/ts/..a')).not.toThrow();
  });

  it('need each mount once', () => {
    const mounts = mountsOf(data, [{ mount: mount('/pg') }, { mount: mount('/ts') }, { mount: mount('/ts') }]);
    expect(mounts.map(({ destination }) => destination)).toEqual(['/pg', '/ts']);
  });
});

describe('the owner', () => {
  const probe = (owner: { uid: number; gid: number }, pgVersion?: string) =>
    ({ owner, ...(pgVersion ? { pgVersion } : {}) }) as PlaceProbe;
  const image = { uid: 70, gid: 70 };
  const ownerFor = (...args: Parameters<typeof chooseOwner>) => Object.values(chooseOwner(...args).owner).join(':');

  const container = { id: '1', name: 'db-1', running: false, answers: false, restartPolicy: 'no' };
  const made = (user?: string) => service([], { containers: [container], ...(user === undefined ? {} : { user }) });
  const old = probe({ uid: 26, gid: 27 }, '15');

  it('is, in this order: as asked, the user of the service, as the old data, as the image, 999:999', () => {
    const numbered = made('1000:1001');
    expect(ownerFor({ uid: 5, gid: 6 }, numbered, old, image)).toBe('5:6');
    expect(ownerFor(undefined, numbered, old, image)).toBe('1000:1001');
    expect(ownerFor(undefined, made('1000'), old, image)).toBe('1000:1000');
    expect(ownerFor(undefined, made('shop'), old, image)).toBe('70:70');
    expect(ownerFor(undefined, made('shop:staff'), old, undefined)).toBe('26:27');
    expect(ownerFor(undefined, made(), old, image)).toBe('26:27');
    expect(ownerFor(undefined, made('root'), old, image)).toBe('26:27');
    expect(ownerFor(undefined, made(), undefined, image)).toBe('70:70');
    expect(ownerFor(undefined, made(), undefined, undefined)).toBe('999:999');
  });

  it('is as the image has it where no container shows that the old data is of the same image', () => {
    expect(ownerFor(undefined, service([]), old, image)).toBe('70:70');
    expect(ownerFor(undefined, service([]), old, undefined)).toBe('26:27');
    // One that was made for another image, and never started, shows nothing either.
    const created = service([], { containers: [{ ...container, neverStarted: true }] });
    expect(ownerFor(undefined, created, old, image)).toBe('70:70');
  });

  it('is looked up by the name that the service gives', () => {
    expect(
      [undefined, '', '0', '0:0', '70:70', 'root'].map((user) => namedUser(service([], user ? { user } : {}))),
    ).toEqual(Array(6).fill(undefined));
    expect(namedUser(service([], { user: 'postgres' }))).toBe('postgres');
    expect(namedUser(service([], { user: 'shop:70' }))).toBe('shop');
  });

  it('is never root, as whom no server runs, nor whoever made an empty directory', () => {
    expect(ownerFor(undefined, service([], { user: '0:0' }), probe({ uid: 0, gid: 0 }, '15'), image)).toBe('70:70');
    expect(ownerFor(undefined, service([], { user: 'postgres' }), probe({ uid: 1000, gid: 1000 }), image)).toBe(
      '70:70',
    );
  });
});
