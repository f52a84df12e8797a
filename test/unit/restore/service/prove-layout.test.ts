import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { proveLayout } from '../../../../src/restore/service/prove-layout.ts';
import type { PlaceProbe } from '../../../../src/tree/exchange/probe.ts';
import { type Layout, layoutOf } from '../../../../src/tree/places/layout.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const ROOT = '/var/lib/postgresql/data/current';

function judge(layout: Partial<Layout>) {
  const mount = { type: 'volume', source: 'shop_db', destination: '/var/lib/postgresql/data', readOnly: false };
  const data = { place: { root: ROOT, odoDir: '/var/lib/postgresql/data/.odo' }, mount };
  const found = { data, service: { name: 'db' } } as unknown as FoundService;
  return proveLayout(found, { layout: { fileSystem: '1', ...layout } } as unknown as PlaceProbe);
}

const unsafe = (words: string) =>
  expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(words) });

describe('the data directory', () => {
  it('is taken by its real path, on the same volume', () => {
    expect(judge({}).value?.place.root).toBe(ROOT);
    const realRoot = '/var/lib/postgresql/data/versions/15/main';
    expect(judge({ realRoot }).value?.place).toEqual({ root: realRoot, odoDir: '/var/lib/postgresql/data/.odo' });
    expect(() => judge({ realRoot: '/mnt/other/main' })).toThrow(unsafe('leads to /mnt/other/main'));
    expect(() => judge({ leadsNowhere: '/mnt/other/main' })).toThrow(unsafe('link to /mnt/other/main'));
  });

  it('is refused where it cannot be exchanged by renames', () => {
    expect(() => judge({ mounted: [`${ROOT}/pg_wal`] })).toThrow(unsafe(`at ${ROOT}/pg_wal`));
    expect(() => judge({ isApart: true })).toThrow(unsafe('a mount of its own'));
  });

  it('may have had its WAL elsewhere, which is told', () => {
    expect(judge({ walLink: '/wal' })).toMatchObject({ state: 'warning', evidence: expect.stringContaining('/wal') });
  });
});

describe('the layout of a place', () => {
  it('is seen through links, and of what is not there by its parent', () => {
    const scratch = fs.realpathSync(scratchDirectory());
    const place = (name: string) => ({ root: path.join(scratch, name), odoDir: path.join(scratch, '.odo') });
    fs.mkdirSync(path.join(scratch, 'main'));
    fs.symlinkSync('main', path.join(scratch, 'current'));
    fs.symlinkSync('/not/there', path.join(scratch, 'lost'));
    fs.symlinkSync('../wal', path.join(scratch, 'main/pg_wal'));
    const fileSystem = String(fs.statSync(scratch).dev);
    const walLink = path.join(scratch, 'wal');
    expect(layoutOf(place('main'))).toEqual({ fileSystem, walLink });
    expect(layoutOf(place('current'))).toMatchObject({ realRoot: path.join(scratch, 'main') });
    expect(layoutOf(place('lost'))).toMatchObject({ leadsNowhere: '/not/there' });
    expect(layoutOf(place('new/data'))).toEqual({ fileSystem });
  });
});
