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
  const { target } = await promoted(setUpBench());
  const isOpen = async () => (await engine.probe(target)).pgdata.use?.isRollbackOpen ?? false;
  expect(await isOpen()).toBe(false);
  for (const inPlace of ['before', 'restored', 'before']) {
    expect(await engine.rollback(target)).toMatchObject({ isKept: true, inPlace });
    expect(await isOpen()).toBe(true);
    expect(adviceOn(await engine.status(target))).toContain('the next odo rollback finishes that one');
    await engine.noteRollbackTold(target);
    expect(await isOpen()).toBe(false);
    expect(adviceOn(await engine.status(target))).not.toContain('broken off');
  }
});

it('where no rollback has been, none was told of', async () => {
  const { target } = await promoted(setUpBench());
  const before = readJournal(target.pgdata.odoDir);
  await engine.noteRollbackTold(target);
  expect(readJournal(target.pgdata.odoDir)).toEqual(before);
});
