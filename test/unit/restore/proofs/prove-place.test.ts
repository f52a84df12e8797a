import { describe, expect, it } from 'vitest';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { proveCluster, proveTargetSafe } from '../../../../src/restore/proofs/prove-place.ts';
import type { PlaceProbe } from '../../../../src/tree/exchange/probe.ts';

const PLACE = { root: '/pg/data', odoDir: '/pg/.odo' };
const GIB = 2 ** 30;

const EMPTY: PlaceProbe = {
  exists: true,
  empty: true,
  sample: [],
  freeBytes: 100 * GIB,
  freeInodes: 1e6,
  totalBytes: 200 * GIB,
  hasPrevious: false,
  usedSinceSwap: false,
};
const OLD: PlaceProbe = { ...EMPTY, empty: false, sample: ['PG_VERSION', 'base'], pgVersion: '15' };

const unsafe = (words: string) =>
  expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(words) });
const judge = (probe: Partial<PlaceProbe>, kind: 'data directory' | 'tablespace' = 'data directory') =>
  proveTargetSafe(PLACE, { ...EMPTY, ...probe }, kind);

describe('a directory is safe to fill when it', () => {
  it('is empty or not there yet', () => {
    expect(judge({}).evidence).toContain('is empty');
    expect(judge({ exists: false }).evidence).toContain('will be created');
  });

  it('holds a data directory, which is kept', () => {
    expect(judge(OLD).evidence).toMatch(/PostgreSQL 15, which is kept/);
  });

  it('says loudly when the old data is not kept', () => {
    expect(proveTargetSafe(PLACE, OLD, 'data directory', { wipe: true }).evidence).toContain('DELETED');
  });

  it('holds what a former restore has left, and names the old data where it is', () => {
    const { pgVersion: _pgVersion, ...halfMoved } = OLD;
    const old = { where: 'previous', pgVersion: '15' } as const;
    expect(judge({ ...halfMoved, journalState: 'moving-in', situation: 'exchanging', old }).evidence).toMatch(
      /previous holds .* 15, which is kept/,
    );
    const halfWiped = () =>
      proveTargetSafe(PLACE, { ...OLD, journalState: 'moving-out', situation: 'exchanging', old }, 'data directory', {
        wipe: true,
      });
    expect(halfWiped).toThrow(unsafe('half moved'));
    const wiped = proveTargetSafe(PLACE, { ...OLD, pgVersion: '17', situation: 'waiting', old }, 'data directory', {
      wipe: true,
    });
    expect(wiped.evidence).toMatch(
      /taken back first; \/pg\/\.odo\/previous holds .* PostgreSQL 15, which will be DELETED/,
    );
    const alone = judge({ ...OLD, situation: 'waiting-alone', old: { where: 'nothing' } });
    expect(alone.evidence).toMatch(/there is no older data/);
  });

  it('holds a tablespace, for a tablespace', () => {
    expect(judge({ empty: false, sample: ['PG_15_202209061'] }, 'tablespace').evidence).toContain('a tablespace');
  });
});

describe('a directory is left alone when it', () => {
  it('may have a server', () => {
    expect(() => judge({ ...OLD, server: 'process 7 is running' })).toThrow(unsafe('process 7 is running'));
  });

  it('holds something else', () => {
    expect(() => judge({ empty: false, sample: ['photos', 'taxes'] })).toThrow(unsafe('photos, taxes'));
    expect(() => judge({ empty: false, sample: ['PG_15_202209061', 'photos'] }, 'tablespace')).toThrow(
      unsafe('photos'),
    );
  });

  it('was restored and has been used since', () => {
    expect(() => judge({ ...OLD, situation: 'used' })).toThrow(unsafe('in use since'));
    expect(() => judge({ ...OLD, situation: 'promoted' })).toThrow(unsafe('in use since'));
  });

  it('holds what a rollback has set aside', () => {
    expect(() => judge({ ...OLD, situation: 'set-aside' })).toThrow(unsafe('set aside by a rollback'));
  });

  it('has older data that no journal accounts for', () => {
    expect(() => judge({ ...OLD, situation: 'unexplained' })).toThrow(unsafe('/pg/.odo/previous'));
    expect(() => judge({ situation: 'unexplained' })).toThrow(unsafe('/pg/.odo/previous'));
  });
});

const BACKUP: Backup = {
  id: 'b',
  format: 'barman',
  state: 'complete',
  tablespaces: [],
  parts: [],
  wal: 'archive',
  storedBytes: GIB,
};
describe('the cluster of the old data', () => {
  const NO = { wipe: false, allowDifferentCluster: false };
  const WIPE = { ...NO, wipe: true };
  const ALL = { wipe: true, allowDifferentCluster: true };
  const cluster = (old: PlaceProbe['old'], wish = NO, systemIdentifier: string | undefined = '1') =>
    proveCluster(
      { ...OLD, ...(old ? { old } : {}) },
      { ...BACKUP, ...(systemIdentifier ? { systemIdentifier } : {}) },
      wish,
    );
  const of = (systemIdentifier?: string): PlaceProbe['old'] => ({
    where: 'in place',
    ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
  });

  it('may be the same, another that is kept, or unknown', () => {
    expect(cluster(of('1')).state).toBeUndefined();
    expect(cluster(of('2')).state).toBe('warning');
    expect(cluster(of()).state).toBe('unjudged');
    expect(cluster({ where: 'nothing' }).evidence).toContain('no old data');
  });

  it('is not deleted when it is another, unless that is said in so many words', () => {
    expect(() => cluster(of('2'), WIPE)).toThrow(unsafe('another cluster (2)'));
    expect(() => cluster({ where: 'previous', systemIdentifier: '2' }, WIPE)).toThrow(unsafe('another cluster (2)'));
    expect(cluster(of('2'), ALL).state).toBe('warning');
    expect(cluster(of('1'), WIPE).state).toBeUndefined();
  });

  it('is not deleted when it could not be judged, unless that is said in so many words', () => {
    expect(() => cluster(of(), WIPE)).toThrow(unsafe('its pg_control cannot be read'));
    expect(() => cluster(of('1'), WIPE, '')).toThrow(unsafe('the backup does not say'));
    expect(cluster(of(), ALL).state).toBe('unjudged');
    expect(cluster({ where: 'nothing' }, WIPE).state).toBeUndefined();
    expect(cluster({ where: 'gone' }, WIPE).evidence).toContain('deleted by an earlier run');
  });
});
