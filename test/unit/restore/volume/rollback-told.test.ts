import fs from 'node:fs';
import { beforeEach, expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { adviceOn } from '../../../../src/restore/volume/status-advice.ts';
import { readJournal } from '../../../../src/tree/exchange/journal.ts';
import { setUpBench } from '../../parts/restore-bench.ts';
import { promoted } from '../../parts/situations.ts';

const engine = createDirectoryEngine();

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

it('a rollback is open until its end was told, in both directions', async () => {
  const { places } = await promoted(setUpBench());
  const isOpen = async () => (await engine.probe(places)).pgdata.use?.isRollbackOpen ?? false;
  expect(await isOpen()).toBe(false);
  for (const inPlace of ['before', 'restored', 'before']) {
    expect(await engine.rollback(places)).toMatchObject({ isKept: true, inPlace });
    expect(await isOpen()).toBe(true);
    expect(adviceOn(await engine.status(places))).toContain('the next odo rollback finishes that one');
    await engine.noteRollbackTold(places);
    expect(await isOpen()).toBe(false);
    expect(adviceOn(await engine.status(places))).not.toContain('broken off');
  }
});

it('where no rollback has been, none was told of', async () => {
  const { places } = await promoted(setUpBench());
  const before = readJournal(places.pgdata.odoDir);
  await engine.noteRollbackTold(places);
  expect(readJournal(places.pgdata.odoDir)).toEqual(before);
});
