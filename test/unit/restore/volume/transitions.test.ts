import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { OdoError } from '../../../../src/errors.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { adviceOn } from '../../../../src/restore/volume/status-advice.ts';
import { exchangesFirst, type Row, TRANSITIONS } from '../../../../src/restore/volume/transitions.ts';
import { isVacant } from '../../../../src/tree/exchange/guard.ts';
import type { Situation } from '../../../../src/tree/exchange/situation.ts';
import { previousDir } from '../../../../src/tree/places/place.ts';
import { type Bench, contentOf } from '../../parts/restore-bench.ts';
import { layDown, MAKE, placesOf, SETTLES_TO } from '../../parts/situations.ts';
import { snapshotTree, type TreeSnapshot } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

const leftovers = (bench: Bench) => placesOf(bench).filter(({ odoDir }) => fs.existsSync(odoDir));
const previousOf = (bench: Bench) => placesOf(bench).map((place) => snapshotTree(previousDir(place)));
const situationIn = async ({ places }: Bench) => (await engine.status(places)).situation;

/**
 * Without the guard, which is no content, and without the settings, which commands take out, and the root's own mode.
 */
function dataIn(contents: readonly TreeSnapshot[]): TreeSnapshot[] {
  return contents.map((content) => {
    const { '.': _root, 'postgresql.auto.conf': _settings, ...rest } = content;
    return Object.keys(rest).join() === 'PG_VERSION' ? {} : rest;
  });
}

const ROLLBACK = expect.stringContaining('odo rollback');

const ALL = Object.entries(TRANSITIONS) as [Situation, Row][];

/** Without a journal it may have been finished before. */
const FINISHED: readonly Situation[] = [
  'untouched',
  'leftovers',
  'promoted',
  'promoted-alone',
  'used',
  'used-alone',
  'clearing',
];

/** The row that counts once an interrupted exchange has come to its end. */
const settled = (situation: Situation): Row => TRANSITIONS[SETTLES_TO[situation] ?? situation];

describe.each(ALL)('in situation %s', (situation, row) => {
  it('status tells it, with its advice', async () => {
    const bench = await MAKE[situation]();
    const status = await engine.status(bench.places);
    expect(status.situation).toBe(situation);
    expect((await engine.probe(bench.places)).pgdata.situation).toBe(situation);
    const isAtTarget = adviceOn({ ...status, waitsAt: 'rp1' });
    expect(isAtTarget).toContain(row.advice.replace('{target}', 'rp1'));
    for (const [command, deed] of [
      ['promote', row.promote === 'refuse'],
      ['rollback', row.rollback === 'none'],
    ] as const) {
      if (deed) expect(row.advice).not.toContain(`odo ${command}`);
    }
  });

  it(`a restore: ${row.restore}`, async () => {
    const bench = await MAKE[situation]();
    const before = dataIn(contentOf(bench));
    const { restore } = settled(situation);
    if (restore === 'refuse') {
      await expect(layDown(bench)).rejects.toMatchObject({ code: 'unsafeTarget' });
      if (row.restore === 'refuse') expect(dataIn(contentOf(bench))).toEqual(before);
      return;
    }
    const { oldData } = await layDown(bench);
    const kept = restore === 'take-back' ? dataIn(bench.old) : before;
    const isThere = Object.keys(kept[0] ?? {}).length > 0;
    expect(oldData).toBe(isThere ? 'kept' : 'none');
    await engine.swap(bench.places);
    expect(isThere ? dataIn(previousOf(bench)) : [{}, {}]).toEqual(kept);
    expect(fs.readFileSync(path.join(bench.places.pgdata.root, 'base/5/1259'), 'utf8')).toBe('pg_class');
    expect(await situationIn(bench)).toBe(isThere ? 'recovering' : 'recovering-alone');
  });

  it(`a restore --wipe deletes, or: ${row.wipes}`, async () => {
    const bench = await MAKE[situation]();
    bench.job.oldData.wipe = true;
    const before = contentOf(bench);
    if (settled(situation).restore === 'refuse' || row.wipes === 'refuse') {
      await expect(layDown(bench)).rejects.toMatchObject({ code: 'unsafeTarget' });
      if (row.restore === 'refuse' || row.wipes === 'refuse') expect(contentOf(bench)).toEqual(before);
      return;
    }
    const { old } = (await engine.probe(bench.places)).pgdata;
    const where = { nothing: ['nothing', 'gone'], 'what is in place': ['in place'], 'the old data': ['previous'] };
    expect(where[row.wipes]).toContain(old?.where);
    expect((await layDown(bench)).oldData).toBe('deleted');
    expect(isVacant(bench.places.pgdata.root)).toBe(true);
    // Whatever starts there meanwhile must not take it for new.
    expect(fs.statSync(path.join(bench.places.pgdata.root, 'PG_VERSION')).size).toBeGreaterThan(0);
    for (const place of placesOf(bench)) expect(fs.existsSync(previousDir(place))).toBe(false);
  });

  it(`a rollback: ${row.rollback}`, async () => {
    const bench = await MAKE[situation]();
    const [before, previous] = [contentOf(bench), dataIn(previousOf(bench))];
    const rolledBack = await engine.rollback(bench.places);
    switch (row.rollback) {
      case 'none':
        expect(rolledBack.rolledBack).toBe(false);
        expect(contentOf(bench)).toEqual(before);
        break;
      case 'undo':
        expect(rolledBack).toEqual({ rolledBack: true, isKept: false, inPlace: 'before' });
        expect(contentOf(bench)).toEqual(bench.old);
        expect(leftovers(bench)).toEqual([]);
        break;
      case 'exchange': {
        expect(rolledBack).toMatchObject({ rolledBack: true, isKept: true });
        expect(dataIn(contentOf(bench))).toEqual(previous);
        expect(dataIn(previousOf(bench))).toEqual(dataIn(before));
        expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true, isKept: true });
        expect(dataIn(contentOf(bench))).toEqual(dataIn(before));
        expect(dataIn(previousOf(bench))).toEqual(previous);
        break;
      }
      case 'carry-through':
        expect(rolledBack).toEqual({ rolledBack: true, isKept: true, inPlace: 'before' });
        expect(contentOf(bench)).toEqual(bench.old);
        expect(dataIn(previousOf(bench))).toEqual(dataIn(before));
    }
  });

  it(`a clean-up: ${row.clean}`, async () => {
    const bench = await MAKE[situation]();
    const before = dataIn(contentOf(bench));
    const { clean } = row;
    if (clean === 'refuse') {
      const all = previousOf(bench);
      const refusal = await engine.clean(bench.places).catch((error: OdoError) => error);
      expect(refusal).toMatchObject({ code: 'unsafeTarget' });
      if (row.rollback === 'undo' || row.rollback === 'carry-through') expect(refusal).toHaveProperty('hint', ROLLBACK);
      expect(await situationIn(bench)).toBe(situation);
      expect(previousOf(bench)).toEqual(all);
      expect(dataIn(contentOf(bench))).toEqual(before);
      return;
    }
    const { found, freedBytes } = await engine.clean(bench.places);
    expect(found).toBe(clean !== 'none');
    expect(freedBytes > 0).toBe(clean !== 'none');
    expect(leftovers(bench).flatMap(({ odoDir }) => fs.readdirSync(odoDir))).toEqual([]);
    expect(dataIn(contentOf(bench))).toEqual(before);
    expect(await engine.clean(bench.places)).toMatchObject({ found: false, freedBytes: 0 });
    expect(await situationIn(bench)).toBe('untouched');
  });

  it('a run finishes only what has come to its end', async () => {
    const bench = await MAKE[situation]();
    const [before, previous] = [dataIn(contentOf(bench)), previousOf(bench)];
    const finishing = engine.finish({ places: bench.places, keepPrevious: false, settings: 'remove' });
    if (FINISHED.includes(situation)) {
      await finishing;
      expect(leftovers(bench)).toEqual([]);
    } else {
      await expect(finishing).rejects.toMatchObject({ code: 'unsafeTarget' });
      expect(previousOf(bench)).toEqual(previous);
    }
    expect(dataIn(contentOf(bench))).toEqual(before);
  });

  it('a server is started only where there is whole data', async () => {
    const bench = await MAKE[situation]();
    const { pgdata } = await engine.probe(bench.places);
    const isMoving = ['exchanging', 'exchanging-alone', 'setting-aside'].includes(situation);
    expect(pgdata.startable).toBe(!isMoving && !isVacant(bench.places.pgdata.root));
  });
});

it('a server that waits is promoted, and no other', () => {
  const waiting = ALL.filter(([, { promote }]) => promote === 'promote').map(([name]) => name);
  expect(waiting).toEqual(['waiting', 'waiting-alone', 'promoted', 'promoted-alone']);
});

it('content is exchanged before the laying down only where an earlier restore has to be taken back or settled', () => {
  const exchanging = ALL.filter(([name]) => exchangesFirst(name)).map(([name]) => name);
  expect(exchanging).toEqual([
    'exchanging',
    'exchanging-alone',
    'setting-aside',
    'waiting',
    'waiting-alone',
    'recovering',
    'recovering-alone',
  ]);
});
