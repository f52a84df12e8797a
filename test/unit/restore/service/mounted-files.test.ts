import { describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { Service } from '../../../../src/docker/compose/service.ts';
import {
  configurationIsMounted,
  refuseMountedInside,
  withoutMountPoints,
} from '../../../../src/restore/service/mounted-files.ts';
import type { PlaceProbe } from '../../../../src/tree/exchange/probe.ts';

const PGDATA = '/var/lib/postgresql/data';

const at = (name: string, type: Mount['type'] = 'bind'): Mount => ({
  type,
  source: type === 'tmpfs' ? '' : `/srv/${name}`,
  destination: `${PGDATA}/${name}`,
  readOnly: true,
});

/** An engine that tells of each path whether it is a directory, as HEAD /containers/ID/archive does. */
function engineWith(directories: string[]): DockerEngine {
  const infoArchive = async ({ path }: { path: string }) => {
    const mode = directories.includes(path) ? 0x8000_0000 + 0o755 : 0o644;
    return { headers: { 'x-docker-container-path-stat': Buffer.from(JSON.stringify({ mode })).toString('base64') } };
  };
  return { docker: { getContainer: () => ({ infoArchive }) }, host: 'tcp://elsewhere:2375' } as unknown as DockerEngine;
}

function judge(mount: Mount, directories: string[] = [], containers: object[] = [{ id: 'c', name: 'shop-db-1' }]) {
  const service = { name: 'db', containers } as unknown as Service;
  const data = { place: { root: PGDATA, odoDir: `${PGDATA}/.odo` }, mount: at(''), inside: [mount] };
  return refuseMountedInside({ docker: engineWith(directories), service }, data);
}

const unsafe = (words: string) =>
  expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(words) });

describe('what a service mounts inside its data directory', () => {
  it.each(['postgresql.conf', 'pg_hba.conf', 'server.key', 'conf.d/mine.conf'])(
    'may be a file of its own: %s',
    async (name) => {
      await expect(judge(at(name))).resolves.toBeUndefined();
    },
  );

  it.each(['postgresql.auto.conf', 'PG_VERSION', 'standby.signal', 'global/pg_control', 'pg_wal/x', 'base/1/1259'])(
    'must not be a file of the server: %s',
    async (name) => {
      await expect(judge(at(name))).rejects.toEqual(unsafe(name));
    },
  );

  it('must not be a directory, a volume or a tmpfs', async () => {
    await expect(judge(at('pg_wal'), [`${PGDATA}/pg_wal`])).rejects.toEqual(
      unsafe('/srv/pg_wal inside its data directory'),
    );
    await expect(judge(at('pg_wal', 'volume'))).rejects.toEqual(unsafe('pg_wal'));
    await expect(judge(at('pg_stat_tmp', 'tmpfs'))).rejects.toEqual(unsafe('tmpfs'));
  });

  it('is not taken for a file where nobody can tell', async () => {
    await expect(judge(at('postgresql.conf'), [], [])).rejects.toEqual(unsafe('postgresql.conf'));
  });

  it('may be the configuration, so that the one of the backup does not count', () => {
    const data = { place: { root: PGDATA, odoDir: '' }, mount: at('') };
    expect(configurationIsMounted({ ...data, inside: [at('postgresql.conf')] })).toBe(true);
    expect(configurationIsMounted({ ...data, inside: [at('pg_hba.conf')] })).toBe(false);
    expect(configurationIsMounted(data)).toBe(false);
  });

  it('leaves an empty file below it, which is no content', () => {
    const data = {
      place: { root: PGDATA, odoDir: '' },
      mount: at(''),
      inside: [at('postgresql.conf'), at('conf.d/mine.conf')],
    };
    const probe = (sample: string[]) => ({ empty: false, sample }) as unknown as PlaceProbe;
    expect(withoutMountPoints(data, probe(['conf.d', 'postgresql.conf'])).empty).toBe(true);
    expect(withoutMountPoints(data, probe(['photos', 'postgresql.conf'])).empty).toBe(false);
    expect(withoutMountPoints(data, { ...probe(['postgresql.conf']), pgVersion: '15' }).empty).toBe(false);
  });
});
