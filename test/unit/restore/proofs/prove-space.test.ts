import { describe, expect, it } from 'vitest';
import type { Backup, Part } from '../../../../src/formats/contract/format.ts';
import { type ProbedPlace, proveSpace } from '../../../../src/restore/proofs/prove-space.ts';
import type { PlaceProbe } from '../../../../src/tree/exchange/probe.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** What always stays free. */
const RESERVE = 64 * MIB;

const PROBE: PlaceProbe = {
  exists: true,
  empty: true,
  sample: [],
  freeBytes: 100 * GIB,
  freeInodes: 1e6,
  totalBytes: 200 * GIB,
  hasPrevious: false,
  usedSinceSwap: false,
};

const BACKUP: Backup = {
  id: 'b',
  format: 'barman',
  state: 'complete',
  tablespaces: [],
  parts: [],
  wal: 'archive',
  storedBytes: GIB,
};
const INCLUDED: WalPlan = { source: 'included' };

function archived(segments: number): WalPlan {
  return {
    source: 'archive',
    spans: [],
    segmentSizeBytes: 16 * MIB,
    recoveryTargetTimeline: 'latest',
    histories: [],
    segments,
    storedBytes: 1,
    endSegment: '',
  };
}

function place(share: 'pgdata' | number, probe: Partial<PlaceProbe>, fileSystem = '1'): ProbedPlace {
  return { root: `/pg/${share}`, share, probe: { ...PROBE, layout: { fileSystem }, ...probe } };
}

const noSpace = (words = '') => expect.objectContaining({ code: 'noSpace', message: expect.stringContaining(words) });

describe('the space', () => {
  const space = (freeBytes: number, wal: WalPlan, backup: Partial<Backup> = {}, wipe = false) =>
    proveSpace([place('pgdata', { freeBytes, usedBytes: 5 * GIB, usedFiles: 900 })], { ...BACKUP, ...backup }, wal, {
      wipe,
    });

  it('must hold the backup beside the old data, and what stays free, to the last byte', () => {
    expect(() => space(GIB + RESERVE, INCLUDED)).not.toThrow();
    expect(() => space(GIB + RESERVE - 1, INCLUDED)).toThrow(noSpace());
  });

  it('is reckoned by what the backup comes to when it is unpacked, where that is known', () => {
    expect(() => space(2 * GIB, INCLUDED, { restoredBytes: 3 * GIB })).toThrow(noSpace());
    expect(space(3 * GIB + RESERVE, INCLUDED, { restoredBytes: 3 * GIB }).evidence).toMatch(
      /3\.1 GiB free, 3\.1 GiB needed: 3\.0 GiB for the backup/,
    );
  });

  it('keeps more free where a server is at work all the time: a twentieth of the disk, up to a GiB', () => {
    const beside = (freeBytes: number, totalBytes: number) =>
      proveSpace([place('pgdata', { freeBytes, totalBytes })], BACKUP, INCLUDED, { wipe: false, besideServer: true });
    for (const [totalBytes, kept] of [
      [GIB, RESERVE],
      [10 * GIB, GIB / 2],
      [100 * GIB, GIB],
    ] as const) {
      expect(() => beside(GIB + kept, totalBytes)).not.toThrow();
      expect(() => beside(GIB + kept - 1, totalBytes)).toThrow(noSpace());
    }
  });

  it.each([
    ['in the spool, and again as the server replays it', 64, undefined, 2 * GIB],
    ['in the spool, and as much of it as a server keeps', 640, undefined, 12 * GIB],
    ['once, where it is moved from the spool to the server', 64, GIB, GIB],
    ['as much as the spool and a server hold, where it is fed', 640, GIB, 3 * GIB],
  ])('must hold the unpacked WAL too: %s', (_where, segments, spoolBytes, walBytes) => {
    const judge = (freeBytes: number) =>
      proveSpace([place('pgdata', { freeBytes })], BACKUP, archived(segments), { wipe: false, spoolBytes });
    expect(() => judge(GIB + walBytes + RESERVE)).not.toThrow();
    expect(() => judge(GIB + walBytes + RESERVE - 1)).toThrow(noSpace());
  });

  it('stays free for four segments at least, which a server makes when it is promoted', () => {
    const wal = { ...archived(0), segmentSizeBytes: GIB };
    const judge = (freeBytes: number) => () =>
      proveSpace([place('pgdata', { freeBytes })], BACKUP, wal, { wipe: false });
    expect(judge(5 * GIB)).not.toThrow();
    expect(judge(5 * GIB - 1)).toThrow(noSpace());
  });

  it('is warned of where packed data will hardly fit, since how much it grows is not known', () => {
    const parts: Part[] = [{ role: 'base', key: 'base.tar.gz', sizeBytes: GIB, layers: ['gzip'] }];
    expect(space(3.9 * GIB, INCLUDED, { parts })).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/grows about 4 times, and 4\.0 GiB would be too much/),
    });
    expect(space(4 * GIB + RESERVE, INCLUDED, { parts }).state).toBeUndefined();
    const plain: Part[] = [{ role: 'base', key: 'base.tar', sizeBytes: GIB, layers: [] }];
    expect(space(1.1 * GIB, INCLUDED, { parts: plain }).state).toBeUndefined();
    expect(space(1.1 * GIB, INCLUDED, { parts, restoredBytes: GIB }).state).toBeUndefined();
  });

  it('counts the old data as free only when it is deleted first, its files too', () => {
    expect(() => space(GIB, INCLUDED, { restoredBytes: 5 * GIB })).toThrow(noSpace());
    expect(space(GIB, INCLUDED, { restoredBytes: 5 * GIB }, true).evidence).toContain('to be deleted');
    expect(() => space(GIB, INCLUDED, { restoredBytes: 6 * GIB }, true)).toThrow(noSpace());
    const few = [place('pgdata', { freeInodes: 200, usedFiles: 900 })];
    expect(() => proveSpace(few, BACKUP, INCLUDED, { wipe: false })).toThrow(noSpace('inodes'));
    expect(() => proveSpace(few, BACKUP, INCLUDED, { wipe: true })).not.toThrow();
  });

  it('counts what an interrupted run has left as there already, files too', () => {
    const staged = [place('pgdata', { freeBytes: GIB, freeInodes: 100, stagedBytes: 2 * GIB, stagedFiles: 900 })];
    const backup = { ...BACKUP, restoredBytes: 2 * GIB };
    expect(proveSpace(staged, backup, INCLUDED, { wipe: false }).evidence).toContain(
      '2.0 GiB taken by an interrupted run',
    );
  });

  it('needs inodes as well, where a file system counts them', () => {
    const withInodes = (freeInodes: number, restoredFiles?: number) => () =>
      proveSpace(
        [place('pgdata', { freeInodes })],
        { ...BACKUP, ...(restoredFiles ? { restoredFiles } : {}) },
        INCLUDED,
        {
          wipe: false,
        },
      );
    expect(withInodes(10)).toThrow(noSpace('inodes'));
    expect(withInodes(0)).not.toThrow();
    expect(withInodes(49_999, 50_000)).toThrow(noSpace());
    expect(withInodes(50_000, 50_000)).not.toThrow();
  });
});

describe('where tablespaces lie on other file systems, the space', () => {
  const part = (role: Part['role'], gib: number, layers: Part['layers'], oid?: number): Part => ({
    role,
    key: `${oid ?? 'data'}.tar`,
    sizeBytes: gib * GIB,
    layers,
    ...(oid === undefined ? {} : { oid }),
  });
  const big = (layers: Part['layers'], of: Partial<Backup> = {}): Backup => ({
    ...BACKUP,
    tablespaces: [{ oid: 7, location: '/pg/7' }],
    parts: [part('base', 50, layers), part('tablespace', 950, layers, 7)],
    storedBytes: 1000 * GIB,
    ...of,
  });
  const judge = (
    backup: Backup,
    dataGib: number,
    tablespaceGib: number,
    ofData: Partial<PlaceProbe> = {},
    wipe = false,
  ) =>
    proveSpace(
      [place('pgdata', { freeBytes: dataGib * GIB, ...ofData }), place(7, { freeBytes: tablespaceGib * GIB }, '2')],
      backup,
      archived(64),
      { wipe, spoolBytes: GIB },
    );

  it('is asked of each for what goes there, WAL where PGDATA is', () => {
    const backup = big([], { restoredBytes: 1000 * GIB });
    const { evidence, state } = judge(backup, 52, 951);
    expect(state).toBeUndefined();
    expect(evidence).toMatch(/^\/pg\/pgdata: 52\.0 GiB free, .* 1\.0 GiB for WAL.* · \/pg\/7: /);
    expect(evidence).toMatch(/ · \/pg\/7: 951 GiB free, 950 GiB needed: 950 [^,]*, [^,]*, 64/);
    expect(() => judge(backup, 51, 951)).toThrow(noSpace('not enough disk space for /pg/pgdata'));
    expect(() => judge(backup, 200, 949)).toThrow(noSpace('not enough disk space for /pg/7'));
  });

  it('is known of each by a manifest', () => {
    const tablespaces = [{ oid: 7, location: '/pg/7', restoredBytes: 600 * GIB, restoredFiles: 20 }];
    const backup = big(['gzip'], { tablespaces, restoredBytes: 640 * GIB, restoredFiles: 2020 });
    expect(judge(backup, 42, 601).state).toBeUndefined();
    expect(() => judge(backup, 41, 601)).toThrow(noSpace('/pg/pgdata'));
    expect(() => judge(backup, 42, 600)).toThrow(noSpace('/pg/7'));
    expect(() => judge(backup, 42, 601, { freeInodes: 1999 })).toThrow(noSpace('the backup has 2000 files'));
  });

  it('is warned of by shares, where nothing tells more than the size of the whole', () => {
    const backup = big(['gzip'], { restoredBytes: 3000 * GIB });
    expect(judge(backup, 160, 2900).state).toBeUndefined();
    expect(judge(backup, 400, 2700)).toMatchObject({
      state: 'warning',
      evidence: expect.stringContaining('and 2.8 TiB in /pg/7 would be too much'),
    });
    expect(() => judge(backup, 51, 5000)).toThrow(noSpace('/pg/pgdata'));
    expect(() => judge(backup, 1000, 1500)).toThrow(noSpace('2.9 TiB for the backup in all'));
  });

  it('counts once what several share', () => {
    const backup = big([], { restoredBytes: 1000 * GIB });
    const together = (gib: number) => () =>
      proveSpace([place('pgdata', { freeBytes: gib * GIB }), place(7, { freeBytes: gib * GIB })], backup, INCLUDED, {
        wipe: false,
      });
    expect(together(1001)).not.toThrow();
    expect(together(999)).toThrow(noSpace('not enough disk space: 999 GiB free'));
  });

  it('is left open for those that cannot be looked at', () => {
    const backup = big([], { restoredBytes: 1000 * GIB });
    expect(() =>
      proveSpace([place('pgdata', { freeBytes: 51 * GIB })], backup, INCLUDED, { wipe: false }),
    ).not.toThrow();
  });
});
