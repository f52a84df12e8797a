import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../src/docker/mount.ts';
import type { ComposeProject } from '../../../src/docker/project.ts';
import type { Service } from '../../../src/docker/service.ts';
import { resolveVolume } from '../../../src/docker/volume.ts';

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
  return { name: 'pg', project: 'shop', containers: [], imageRef: 'postgres:15', env, commandArgs: [], mounts, labels: {} };
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

  it('takes the mount with the data directory of a volume mounted twice', () => {
    const first = { ...mount('volume', 'shop_db', '/certs'), subpath: 'certs' };
    const second = { ...mount('volume', 'shop_db', '/pg'), subpath: 'pg' };
    expect(resolveVolume(project, service([first, second], { PGDATA: '/pg/data' }), 'db')).toBe(second);
  });

  it('says what is mounted instead', () => {
    const pg = service([tmpfs, data, bind]);
    const failure = { code: 'serviceNotFound', hint: 'it mounts: db (at /var/lib/postgresql/data), /srv/pg/ (at /bind)' };
    for (const wanted of ['other', 'shop_other', 'constructor', '', '/srv']) {
      expect(() => resolveVolume(project, pg, wanted)).toThrow(expect.objectContaining(failure));
    }
    expect(() => resolveVolume(project, service([tmpfs]), 'db')).toThrow(
      expect.objectContaining({ hint: 'it mounts no volume at all' }),
    );
  });
});
