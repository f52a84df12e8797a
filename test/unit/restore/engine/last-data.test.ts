import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { previousDir } from '../../../../src/tree/places/place.ts';
import { crashesLaterAt } from '../../parts/crash.ts';
import { type Bench, contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { journalOf, MAKE, promoted } from '../../parts/situations.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();
const WAITED = { target: 'rp1', keepPrevious: true, ownWordOnArchiving: false, keepArchiving: false };

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

const situationIn = async ({ places }: Bench) => (await engine.status(places)).situation;
const finish = ({ places }: Bench, keepPrevious: boolean) =>
  engine.finish({ places, keepPrevious, settings: 'remove' });

describe('where somebody has removed what is in place', () => {
  function empty({ places }: Bench, names: readonly string[] = fs.readdirSync(places.pgdata.root)): Bench['places'] {
    for (const name of names) fs.rmSync(path.join(places.pgdata.root, name), { recursive: true });
    return places;
  }

  const REFUSED = { code: 'unsafeTarget', hint: expect.stringContaining('odo rollback') };

  it('nothing deletes the old data, and a rollback puts it in place', async () => {
    const bench = await promoted(setUpBench());
    const places = empty(bench);
    await expect(engine.clean(places)).rejects.toMatchObject(REFUSED);
    await expect(finish(bench, false)).rejects.toMatchObject(REFUSED);
    expect(await engine.rollback(places)).toMatchObject({ rolledBack: true, inPlace: 'before' });
    expect(contentOf(bench)).toEqual(bench.old);
  });

  it('only pg_control of it, too', async () => {
    const bench = await promoted(setUpBench());
    await expect(engine.clean(empty(bench, ['global/pg_control']))).rejects.toMatchObject(REFUSED);
    expect(fs.existsSync(path.join(previousDir(bench.places.pgdata), 'PG_VERSION'))).toBe(true);
  });

  it('nothing deletes what a rollback has set aside', async () => {
    const bench = await MAKE['set-aside']();
    await expect(engine.clean(empty(bench))).rejects.toMatchObject(REFUSED);
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true, inPlace: 'restored' });
  });

  it('a deletion that has begun comes to its end', async () => {
    const bench = await MAKE.clearing();
    await engine.clean(empty(bench));
    expect(await situationIn(bench)).toBe('untouched');
  });
});

it('tablespaces without their data directory are not put in place', async () => {
  const bench = await promoted(setUpBench());
  plantTree(bench.places.pgdata.root, { 'base/5/99999': 'committed' });
  fs.rmSync(previousDir(bench.places.pgdata), { recursive: true });
  const before = contentOf(bench);
  expect(await situationIn(bench)).toBe('used-alone');
  expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: false, inPlace: 'restored' });
  expect(contentOf(bench)).toEqual(before);
});

describe('a promotion whose old data is kept', () => {
  it('is not asked for again', async () => {
    const bench = await promoted(setUpBench(), { awaitsPromotion: WAITED });
    await finish(bench, true);
    expect(await situationIn(bench)).toBe('used');
    expect(journalOf(bench).finished).toBeDefined();
  });

  it('can be given again until its settings are out', async () => {
    for (let n = 1, isOver = false; !isOver; n++) {
      const bench = await promoted(setUpBench(), { awaitsPromotion: WAITED });
      isOver = !(await crashesLaterAt(n, () => finish(bench, true)));
      fs.rmSync(path.join(bench.places.pgdata.odoDir, 'lock'), { force: true });
      const settings = fs.readFileSync(path.join(bench.places.pgdata.root, 'postgresql.auto.conf'), 'utf8');
      if (settings.includes('restore_command')) expect(await situationIn(bench)).toBe('promoted');
      await finish(bench, true);
      expect(await situationIn(bench)).toBe('used');
    }
  });
});

describe('what a rollback has put back', () => {
  it('is not finished by the run that restored what it set aside', async () => {
    const bench = await MAKE['set-aside']();
    await expect(finish(bench, false)).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(fs.existsSync(path.join(previousDir(bench.places.pgdata), 'PG_VERSION'))).toBe(true);
    expect(await situationIn(bench)).toBe('set-aside');
  });
});
