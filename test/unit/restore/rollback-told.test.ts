import fs from 'node:fs';
import { beforeEach, expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../src/restore/directory-engine.ts';
import { readJournal } from '../../../src/target/journal.ts';
import { setUpBench } from './restore-bench.ts';
import { promoted } from './situations.ts';

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
    await engine.noteRollbackTold(target);
    expect(await isOpen()).toBe(false);
  }
});

it('where no rollback has been, none was told of', async () => {
  const { target } = await promoted(setUpBench());
  const before = readJournal(target.pgdata.odoDir);
  await engine.noteRollbackTold(target);
  expect(readJournal(target.pgdata.odoDir)).toEqual(before);
});
