import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { takeBack } from '../../../../src/tree/exchange/swap.ts';
import { previousDir } from '../../../../src/tree/places/place.ts';
import { type Bench, contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { emptyBench, journalOf, layDown, restored } from '../../parts/situations.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();
const COMMITTED = 'base/5/99999';

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

/** A server came out of its recovery on what is in place, took a commit, and was stopped. */
function use({ places }: Bench): void {
  fs.rmSync(path.join(places.pgdata.root, 'recovery.signal'));
  plantTree(places.pgdata.root, { [COMMITTED]: 'committed' });
}

/**
 * An exchange that died before its last note, or a way back that died after its first; and the server was started all
 * the same.
 */
async function usedIn(state: 'moving-in' | 'moving-back', bench = setUpBench()): Promise<Bench> {
  await restored(bench, { state });
  use(bench);
  return bench;
}

const isInPlace = ({ places }: Bench) => fs.existsSync(path.join(places.pgdata.root, COMMITTED));
const situationIn = async ({ places }: Bench) => (await engine.status(places)).situation;

describe.each(['moving-in', 'moving-back'] as const)(
  'restored content that is all in place, and used, while %s is noted',
  (state) => {
    it('counts as exchanged', async () => {
      const bench = await usedIn(state);
      expect(await situationIn(bench)).toBe('used');
      expect((await engine.probe(bench.places)).pgdata).toMatchObject({
        startable: true,
        usedSinceSwap: true,
        journalState: 'swapped',
        old: { where: 'previous', pgVersion: '15' },
      });
      expect(await situationIn(await usedIn(state, emptyBench()))).toBe('used-alone');
    });

    it('is kept by a rollback, which can be undone', async () => {
      const bench = await usedIn(state);
      expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true, isKept: true, inPlace: 'before' });
      expect(contentOf(bench)).toEqual(bench.old);
      expect(fs.existsSync(path.join(previousDir(bench.places.pgdata), COMMITTED))).toBe(true);
      await engine.rollback(bench.places);
      expect(isInPlace(bench)).toBe(true);
    });

    it('stays in place in a clean-up, and is not taken back by a restore', async () => {
      const bench = await usedIn(state);
      await expect(layDown(bench)).rejects.toMatchObject({
        code: 'unsafeTarget',
        message: expect.stringContaining('in use since'),
      });
      expect(isInPlace(bench)).toBe(true);
      await engine.clean(bench.places);
      expect(isInPlace(bench)).toBe(true);
      expect(await situationIn(bench)).toBe('untouched');
    });

    it('is no exchange that a failed run undoes', async () => {
      const bench = await usedIn(state);
      expect(await engine.takeBack(bench.places)).toBe(false);
      expect(fs.existsSync(path.join(previousDir(bench.places.pgdata), COMMITTED))).toBe(true);
    });

    it('is still a restore that can be undone as long as no server has come out of recovery on it', async () => {
      const bench = await restored(setUpBench(), { state });
      expect(await situationIn(bench)).toBe('exchanging');
      expect(await engine.rollback(bench.places)).toEqual({ rolledBack: true, isKept: false, inPlace: 'before' });
      expect(contentOf(bench)).toEqual(bench.old);
    });
  },
);

describe('what a server may have recovered on', () => {
  const recovered = (bench: Bench) => plantTree(bench.places.pgdata.root, { 'base/5/1259': 'replayed' });
  const staged = (bench: Bench) =>
    fs.readFileSync(path.join(bench.places.pgdata.odoDir, 'incoming/base/5/1259'), 'utf8');

  it('is laid down anew after an exchange that was taken back', async () => {
    const bench = await restored(setUpBench(), { state: 'moving-in' });
    recovered(bench);
    takeBack(bench.places.pgdata.odoDir, journalOf(bench));
    expect(journalOf(bench)).toMatchObject({ state: 'staged' });
    expect((await layDown(bench)).reusedParts).toBe(0);
    expect(staged(bench)).toBe('pg_class');
  });

  it('is laid down anew where the way back died before its first rename', async () => {
    const bench = await restored(setUpBench(), { state: 'moving-back' });
    expect(journalOf(bench).fingerprint).toBeDefined();
    recovered(bench);
    expect((await layDown(bench)).reusedParts).toBe(0);
    expect(staged(bench)).toBe('pg_class');
  });
});
