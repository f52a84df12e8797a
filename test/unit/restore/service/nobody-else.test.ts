import { describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { refuseOtherContainers } from '../../../../src/restore/service/nobody-else.ts';

const DATA: Mount = { type: 'volume', source: 'shop_db', destination: '/var/lib/postgresql/data', readOnly: false };
const SPACE: Mount = { type: 'volume', source: 'shop_ts', destination: '/ts', readOnly: false };

interface Running {
  name: string;
  mount: { Type: string; Name?: string; Source: string; RW?: boolean };
  processes?: string[];
}

/** An engine on another machine, so that nothing is looked at here. */
function engineWith(running: Running[]): DockerEngine {
  const containers = new Map(running.map((one) => [one.name, one]));
  const docker = {
    listContainers: async () => running.map(({ name }) => ({ Id: name })),
    listVolumes: async () => ({
      Volumes: [
        {
          Name: 'shop_db',
          Mountpoint: '/var/lib/docker/volumes/shop_db/_data',
          Options: { o: 'bind', device: '/srv/pg' },
        },
        { Name: 'shop_ts', Mountpoint: '/var/lib/docker/volumes/shop_ts/_data' },
      ],
    }),
    getContainer: (id: string) => ({
      inspect: async () => ({
        Id: id,
        Name: `/${id}`,
        Config: { Image: 'postgres:15', Labels: {} },
        HostConfig: {},
        Mounts: [{ Destination: '/d', RW: true, ...containers.get(id)?.mount }],
      }),
      top: async () => ({ Processes: (containers.get(id)?.processes ?? []).map((words) => ['1', words]) }),
    }),
  };
  return { docker, host: 'tcp://elsewhere:2375' } as unknown as DockerEngine;
}

function found(docker: DockerEngine, containers: string[] = ['shop-db-1'], replicas?: number): FoundService {
  const service = { name: 'db', containers: containers.map((name) => ({ id: name, name, running: true })) };
  return {
    docker,
    service,
    project: { files: ['/srv/compose.yaml'], services: { db: { replicas } } },
  } as unknown as FoundService;
}

const refused = (running: Running[], mounts = [DATA]) => refuseOtherContainers(found(engineWith(running)), mounts);
const unsafe = (words: string) =>
  expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(words) });

describe('another container that has the data in hand', () => {
  it.each([
    ['the volume', { Type: 'volume', Name: 'shop_db', Source: '' }],
    ["the volume's device", { Type: 'bind', Source: '/srv/pg' }],
    ["the engine's folder of the volume", { Type: 'bind', Source: '/var/lib/docker/volumes/shop_db/_data' }],
    ['a folder above the device', { Type: 'bind', Source: '/srv' }],
  ])('is named when it mounts %s', async (_what, mount) => {
    await expect(refused([{ name: 'stranger', mount }])).rejects.toEqual(unsafe('stranger (postgres:15, at /d)'));
    await expect(refused([{ name: 'watcher', mount: { ...mount, RW: false } }])).resolves.toBeUndefined();
    await expect(refused([{ name: 'shop-db-1', mount }])).resolves.toBeUndefined();
  });

  it('is named when it has a tablespace only', async () => {
    const sharing = [{ name: 'twin', mount: { Type: 'volume', Name: 'shop_ts', Source: '' } }];
    await expect(refused(sharing, [DATA, SPACE])).rejects.toEqual(unsafe('other containers use shop_ts: twin'));
  });

  it('does not count for mounting all volumes of the engine, unless a server runs in it', async () => {
    const mount = { Type: 'bind', Source: '/var/lib/docker/volumes' };
    await expect(refused([{ name: 'agent', mount, processes: ['/agent'] }])).resolves.toBeUndefined();
    await expect(refused([{ name: 'hidden', mount, processes: ['postgres -D /v'] }])).rejects.toEqual(unsafe('hidden'));
  });
});

describe('a service of several containers', () => {
  it('is refused, with their names', async () => {
    const two = found(engineWith([]), ['shop-db-1', 'shop-db-2']);
    await expect(refuseOtherContainers(two, [DATA])).rejects.toEqual(unsafe('has 2 containers (shop-db-1, shop-db-2)'));
    await expect(refuseOtherContainers(found(engineWith([]), [], 2), [DATA])).rejects.toEqual(
      unsafe('is to have 2 containers'),
    );
    await expect(refuseOtherContainers(found(engineWith([]), ['shop-db-1'], 2), [DATA])).resolves.toBeUndefined();
  });
});
