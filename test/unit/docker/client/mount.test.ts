import { describe, expect, it } from 'vitest';
import { type Mount, mountHolding, mountsOfContainer } from '../../../../src/docker/client/mount.ts';

function volume(source: string, destination: string): Mount {
  return { type: 'volume', source, destination, readOnly: false };
}

describe('mountHolding', () => {
  const mounts = [
    volume('outer', '/var/lib/postgresql'),
    volume('inner', '/var/lib/postgresql/data/'),
    volume('other', '/var/lib/post'),
  ];

  it('takes the innermost mount', () => {
    expect(mountHolding(mounts, '/var/lib/postgresql/data')).toEqual({ mount: mounts[1], relativePath: '' });
    expect(mountHolding(mounts, '/var/lib/postgresql//data/pg/')).toEqual({ mount: mounts[1], relativePath: 'pg' });
    expect(mountHolding(mounts, '/var/lib/postgresql/18/docker')).toEqual({
      mount: mounts[0],
      relativePath: '18/docker',
    });
  });

  it('compares whole path segments', () => {
    expect(mountHolding(mounts, '/var/lib/postgres')).toBeUndefined();
    expect(mountHolding([volume('root', '/')], '/data')).toEqual({ mount: volume('root', '/'), relativePath: 'data' });
  });
});

describe('mountsOfContainer', () => {
  it('reads volumes, binds as they were asked for, and both kinds of tmpfs', () => {
    const info = {
      Mounts: [
        {
          Type: 'volume',
          Name: 'p_db',
          Source: '/var/lib/docker/volumes/p_db/_data',
          Destination: '/data',
          Mode: 'z',
          RW: true,
          Propagation: '',
        },
        {
          Type: 'bind',
          Source: '/host_mnt/Users/me/conf',
          Destination: '/conf',
          Mode: 'ro',
          RW: false,
          Propagation: 'rprivate',
        },
        { Type: 'bind', Source: '/run/desktop/c/x', Destination: '/x', Mode: '', RW: true, Propagation: 'rprivate' },
        { Type: 'bind', Source: '/plain', Destination: '/plain', Mode: '', RW: true, Propagation: 'rprivate' },
        { Type: 'tmpfs', Source: '', Destination: '/t1', Mode: '', RW: true, Propagation: '' },
      ],
      HostConfig: {
        Binds: ['/Users/me/conf:/conf:ro', 'C:\\x:/x'],
        Mounts: [{ Type: 'volume', Source: 'p_db', Target: '/data', VolumeOptions: { Subpath: 'pg' } }],
        Tmpfs: { '/run': 'size=1m' },
      },
    };
    expect(mountsOfContainer(info as never)).toEqual([
      { type: 'volume', source: 'p_db', destination: '/data', readOnly: false, subpath: 'pg' },
      { type: 'bind', source: '/Users/me/conf', destination: '/conf', readOnly: true },
      { type: 'bind', source: 'C:\\x', destination: '/x', readOnly: false },
      { type: 'bind', source: '/plain', destination: '/plain', readOnly: false },
      { type: 'tmpfs', source: '', destination: '/t1', readOnly: false },
      { type: 'tmpfs', source: '', destination: '/run', readOnly: false },
    ]);
  });
});
