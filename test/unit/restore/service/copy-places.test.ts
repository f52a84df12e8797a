import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { Service } from '../../../../src/docker/compose/service.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { copyData, copyMounts, copyServerArgs, copyTablespaces } from '../../../../src/restore/service/copy-places.ts';

const volume = (source: string, destination: string): Mount => ({
  type: 'volume',
  source,
  destination,
  readOnly: false,
});
const DATA = { ...volume('shop_db', '/var/lib/postgresql'), subpath: 'inner' };
const SERVICE = (mounts: Mount[], commandArgs: string[] = []): Service => ({
  name: 'db',
  project: 'shop',
  containers: [],
  imageRef: 'postgres:17',
  env: {},
  commandArgs,
  mounts,
  labels: {},
});
const place = { root: '/var/lib/postgresql/17/docker', odoDir: '/var/lib/postgresql/.odo' };
const data = copyData({ place, mount: DATA }, 'copy');

describe('the places of a copy', () => {
  it('are those of the service, on another volume', () => {
    expect(data).toEqual({ place, mount: volume('copy', '/var/lib/postgresql') });
  });

  it('give a tablespace a volume of its own, unless it lies below the mount of the data', () => {
    const tablespaces = [
      { oid: 1, name: 'beside', location: '/var/lib/postgresql/fast' },
      { oid: 2, name: 'elsewhere', location: '/mnt/slow' },
      { oid: 3, name: 'moved', location: '/mnt/old' },
    ];
    const found = copyTablespaces(
      { id: 'b', tablespaces } as unknown as Backup,
      new Map([['moved', '/mnt/new']]),
      data,
    );
    expect(found.map(({ oid, place, mount }) => [oid, place.root, mount])).toEqual([
      [1, '/var/lib/postgresql/fast', data.mount],
      [2, '/mnt/slow', volume('copy_2', '/mnt/slow')],
      [3, '/mnt/new', volume('copy_3', '/mnt/new')],
    ]);
  });

  it('mount the configuration of the service for reading only, and nothing that a server has to write to', () => {
    const conf: Mount = { type: 'bind', source: '/srv/conf', destination: '/etc/postgresql', readOnly: false };
    const others = [
      conf,
      volume('sockets', '/var/run/postgresql'),
      volume('tmp', '/tmp'),
      volume('running', '/running'),
      { type: 'tmpfs', source: '', destination: '/scratch', readOnly: false } as const,
      volume('', '/anonymous'),
    ];
    expect(copyMounts(SERVICE([DATA, ...others]), [data.mount])).toEqual([
      data.mount,
      { ...conf, readOnly: true },
      { ...volume('running', '/running'), readOnly: true },
    ]);
  });
});

describe("the command line of a copy's server", () => {
  const settingsOf = (args: string[]) => args.flatMap((word, index) => (args[index - 1] === '-c' ? [word] : []));

  it('has the settings of the service, but archives nothing and is found where ODO looks, whatever they say', () => {
    const args = copyServerArgs(
      SERVICE(
        [],
        ['postgres', '-c', 'work_mem=5MB', '--archive-mode=on', '-c', 'port=6000', '-c', 'listen_addresses=*'],
      ),
      '/data',
      false,
    );
    expect(args.slice(0, 2)).toEqual(['-D', '/data']);
    expect(settingsOf(args)).toEqual(
      expect.arrayContaining([
        'work_mem=5MB',
        'archive_mode=off',
        'port=5432',
        'listen_addresses=',
        'max_logical_replication_workers=0',
      ]),
    );
    expect(new Set(settingsOf(args).map((setting) => setting.split('=')[0])).size).toBe(settingsOf(args).length);
  });

  it('leaves out certificates, which may lie on a volume that the copy does not have', () => {
    const service = ['postgres', '-l', '-c', 'ssl_cert_file=/pg/server.crt', '--ssl-key-file=/pg/server.key'];
    expect(settingsOf(copyServerArgs(SERVICE([], service), '/data', true)).filter((one) => /^ssl/.test(one))).toEqual(
      [],
    );
  });

  it('listens only when it is to be seen from outside of its container', () => {
    expect(settingsOf(copyServerArgs(SERVICE([]), '/data', true))).toContain('listen_addresses=*');
  });
});
