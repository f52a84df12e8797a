import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OldCluster, readOldCluster } from '../../../../src/cluster/old-cluster.ts';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import type { Service } from '../../../../src/docker/compose/service.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import {
  findLaterTablespaces,
  type LaterTablespace,
  locateLater,
  placeLater,
} from '../../../../src/restore/proofs/later-tablespaces.ts';
import type { RestoreSource } from '../../../../src/restore/proofs/prove-repository.ts';
import { probePlace } from '../../../../src/tree/exchange/probe.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const PGDATA = { root: '/pg', odoDir: '/pg/.odo' };
const late = (location: string, isPerhaps = false): LaterTablespace => ({ oid: 77, location, isPerhaps });
const mount = (destination: string, more: Partial<Mount> = {}): Mount => ({
  type: 'volume',
  source: `v${destination}`,
  destination,
  readOnly: false,
  ...more,
});
const service = (...mounts: Mount[]) => ({ name: 'db', mounts: [mount('/pg'), ...mounts] }) as unknown as Service;
const places = { pgdata: PGDATA, tablespaces: [{ oid: 5, place: { root: '/ts/a', odoDir: '/ts/a/.odo' } }] };

describe('a tablespace that was created after the backup', () => {
  it('is one more place, unless its directory is one already', () => {
    expect(placeLater([late('/ts/a/')], places.tablespaces)).toEqual([]);
    expect(placeLater([late('/ts/b/')], places.tablespaces)).toEqual([
      { oid: 77, place: { root: '/ts/b', odoDir: '/ts/b/.odo' }, isLater: true },
    ]);
  });

  it('needs a volume that the service may write to', () => {
    expect(locateLater(service(mount('/ts')), [late('/ts/b')], places, false)).toMatchObject([
      { mount: { source: 'v/ts' } },
    ]);
    const noPlace = expect.objectContaining({
      code: 'serviceNotFound',
      message: expect.stringContaining('/ts/b'),
      hint: expect.stringContaining('- NAME:/ts/b'),
    });
    for (const mounts of [[], [mount('/ts', { readOnly: true })], [mount('/ts', { type: 'tmpfs', source: '' })]]) {
      expect(() => locateLater(service(...mounts), [late('/ts/b')], places, true)).toThrow(noPlace);
    }
    expect(() => locateLater(service(), [late('/ts/b', true)], places, false)).toThrow(noPlace);
    // Known by the old data alone: replay up to the moment does not come to it.
    expect(locateLater(service(), [late('/ts/b', true)], places, true)).toEqual([]);
  });
});

describe('what is known of them', () => {
  const backup = { tablespaces: [{ oid: 5, location: '/ts/a' }], systemIdentifier: '1' } as unknown as Backup;
  const source = { backup, wal: { source: 'included' } } as unknown as RestoreSource;
  const old: OldCluster = {
    systemIdentifier: '1',
    timeline: 1,
    redoLsn: '0/1',
    tablespaces: [
      { oid: 5, location: '/ts/a' },
      { oid: 77, location: '/ts/b' },
    ],
  };
  const look = (cluster?: OldCluster) =>
    findLaterTablespaces({
      store: {} as never,
      source,
      old: cluster,
      isLikely: true,
      signal: new AbortController().signal,
    });

  it("comes from the old data, when it is of the backup's own cluster", async () => {
    expect((await look(old)).value).toEqual([late('/ts/b', true)]);
    expect((await look({ ...old, systemIdentifier: '2' })).value).toEqual([]);
    expect((await look()).value).toEqual([]);
  });

  it('comes from what was looked through ahead, unless old data tells of another beginning', async () => {
    const wal = { source: 'archive', spans: [], segmentSizeBytes: 16 << 20, endSegment: '000000010000000000000009' };
    const repository = { ref: { format: 'barman', root: '' } };
    const source = { backup, repository, wal } as unknown as RestoreSource;
    const find = async (lookedThrough: number, old?: OldCluster) => {
      const ahead = Promise.resolve({ created: [late('/ts/b')], lookedThrough, segments: 2 });
      const look = {
        store: { url: scratchDirectory() },
        source,
        old,
        isLikely: false,
        ahead,
        signal: new AbortController().signal,
      };
      return (await findLaterTablespaces(look)).value?.map(({ location }) => location);
    };
    expect(await find(2)).toEqual(['/ts/b']);
    expect(await find(1)).toEqual(['/ts/b']);
    expect(await find(2, { ...old, tablespaces: [] })).toEqual(['/ts/b']);
    expect(await find(1, { ...old, tablespaces: [] })).toEqual([]);
  });
});

describe('the old data', () => {
  /** A data directory with a real control file, and links to tablespaces. */
  function makeCluster(directory: string, links: Record<string, string>): void {
    fs.mkdirSync(path.join(directory, 'global'), { recursive: true });
    fs.mkdirSync(path.join(directory, 'pg_tblspc/9'), { recursive: true });
    fs.copyFileSync(
      new URL('../../../fixtures/postgres/pg_control.17', import.meta.url),
      path.join(directory, 'global/pg_control'),
    );
    for (const [oid, location] of Object.entries(links))
      fs.symlinkSync(location, path.join(directory, 'pg_tblspc', oid));
  }

  it('tells of its tablespaces where it is: in place, or in `previous` while a restored server waits', () => {
    const root = scratchDirectory();
    const place = { root, odoDir: path.join(root, '.odo') };
    expect(readOldCluster(place, probePlace(place))).toBeUndefined();
    makeCluster(root, { 70: '/ts/now' });
    expect(readOldCluster(place, probePlace(place))?.tablespaces).toEqual([{ oid: 70, location: '/ts/now' }]);
    makeCluster(path.join(root, '.odo/previous'), { 71: '/ts/before' });
    const probe = { ...probePlace(place), journalState: 'swapped' as const };
    expect(readOldCluster(place, probe)?.tablespaces.map(({ location }) => location)).toEqual([
      '/ts/before',
      '/ts/now',
    ]);
    expect(readOldCluster(place, { ...probe, usedSinceSwap: true })?.tablespaces).toEqual([
      { oid: 70, location: '/ts/now' },
    ]);
  });
});
