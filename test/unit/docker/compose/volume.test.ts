import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { ComposeProject } from '../../../../src/docker/compose/project.ts';
import type { Service } from '../../../../src/docker/compose/service.ts';
import { resolveVolume } from '../../../../src/docker/compose/volume.ts';

function mount(type: Mount['type'], source: string, destination: string): Mount {
  return { type, source, destination, readOnly: false };
}

const project: ComposeProject = {
  name: 'shop',
  files: ['/srv/compose.yaml'],
  services: {},
  volumes: {
    db: { name: 'shop_db', external: false },
    wal: { name: 'db', external: true },
    other: { name: 'shop_other', external: false },
  },
};
const data = mount('volume', 'shop_db', '/var/lib/postgresql/data');
const wal = mount('volume', 'db', '/wal');
const bind = mount('bind', '/srv/pg/', '/bind');
const tmpfs = mount('tmpfs', '', '/run');

function service(mounts: Mount[], env: Record<string, string> = {}): Service {
  return {
    name: 'pg',
    project: 'shop',
    containers: [],
    imageRef: 'postgres:15',
    env,
    commandArgs: [],
    mounts,
    labels: {},
  };
}

describe('resolveVolume', () => {
  it('knows a volume by its key, its real name and a path', () => {
    const pg = service([tmpfs, bind, wal, data]);
    expect(resolveVolume(project, pg, 'db')).toBe(data);
    expect(resolveVolume(project, pg, 'shop_db')).toBe(data);
    expect(resolveVolume(project, pg, 'wal')).toBe(wal);
    expect(resolveVolume(project, pg, '/srv/pg')).toBe(bind);
    expect(resolveVolume(project, pg, './pg')).toBe(bind);
  });

  it('takes a real name where the key of that name is not mounted', () => {
    expect(resolveVolume(project, service([wal]), 'db')).toBe(wal);
  });

  it('still knows a volume by its name in the compose file after the service was switched to another', () => {
    const switched = [
      {
        service: 'pg',
        destination: '/var/lib/postgresql/data',
        volume: 'shop-2',
        instead: { type: 'volume', source: 'shop_x', key: 'x' },
      },
    ];
    const now = mount('volume', 'shop-2', '/var/lib/postgresql/data');
    for (const wanted of ['x', 'shop_x', 'shop-2']) {
      expect(resolveVolume({ ...project, switches: { switched, earlier: [] } }, service([wal, now]), wanted)).toBe(now);
    }
    // Not when a plain compose call has taken the service back, nor for another service.
    expect(() => resolveVolume({ ...project, switches: { switched, earlier: [] } }, service([data]), 'x')).toThrow(
      /does not mount volume x/,
    );
    const ofAnother = switched.map((one) => ({ ...one, service: 'other' }));
    expect(() =>
      resolveVolume({ ...project, switches: { switched: ofAnother, earlier: [] } }, service([now]), 'x'),
    ).toThrow(/does not mount volume x/);
  });

  it('takes the mount with the data directory of a volume mounted twice', () => {
    const first = { ...mount('volume', 'shop_db', '/certs'), subpath: 'certs' };
    const second = { ...mount('volume', 'shop_db', '/pg'), subpath: 'pg' };
    expect(resolveVolume(project, service([first, second], { PGDATA: '/pg/data' }), 'db')).toBe(second);
  });

  it('says what is mounted instead', () => {
    const pg = service([tmpfs, data, bind]);
    const failure = {
      code: 'serviceNotFound',
      hint: 'it mounts: db (at /var/lib/postgresql/data), /srv/pg/ (at /bind)',
    };
    for (const wanted of ['other', 'shop_other', 'constructor', '', '/srv']) {
      expect(() => resolveVolume(project, pg, wanted)).toThrow(expect.objectContaining(failure));
    }
    expect(() => resolveVolume(project, service([tmpfs]), 'db')).toThrow(
      expect.objectContaining({ hint: 'it mounts no volume at all' }),
    );
  });
});
