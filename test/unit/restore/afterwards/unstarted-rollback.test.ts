import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isBeforeStart } from '../../../../src/restore/afterwards/unstarted-rollback.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { setUpBench } from '../../parts/restore-bench.ts';
import { promoted } from '../../parts/situations.ts';

const engine = createDirectoryEngine();

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

describe('a rollback that is given again', () => {
  const [before, exchanged, since] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'];
  const use = { setAsideAt: exchanged, lastCheckpointAt: before };
  const stopped = (at?: string) => ({ running: false, ...(at === undefined ? {} : { startedAt: new Date(at) }) });

  it('finishes one that died before the service was started', () => {
    expect(isBeforeStart(use, [stopped(before)])).toBe(true);
    expect(isBeforeStart(use, [stopped()])).toBe(true);
    expect(isBeforeStart(use, [])).toBe(true);
  });

  it('is one of its own once a server has run there since, or was tried', () => {
    expect(isBeforeStart({ ...use, lastCheckpointAt: since }, [])).toBe(false);
    expect(isBeforeStart(use, [stopped(since)])).toBe(false);
    expect(isBeforeStart(use, [{ running: true, startedAt: new Date(before) }])).toBe(false);
  });

  it('is one of its own where no rollback has been, or there is no server to start', () => {
    expect(isBeforeStart({ lastCheckpointAt: before }, [])).toBe(false);
    expect(isBeforeStart({ setAsideAt: exchanged }, [])).toBe(false);
  });
});

it('the journal tells when a rollback has exchanged last, in both directions', async () => {
  const bench = await promoted(setUpBench());
  const useNow = async () => (await engine.probe(bench.target)).pgdata.use;
  expect(await useNow()).not.toHaveProperty('setAsideAt');
  await engine.rollback(bench.target);
  const first = await useNow();
  expect(first && isBeforeStart(first, [])).toBe(true);
  const control = path.join(bench.target.pgdata.root, 'global/pg_control');
  fs.utimesSync(control, new Date(), new Date(Date.now() + 1000));
  const started = await useNow();
  expect(started && isBeforeStart(started, [])).toBe(false);
  await engine.rollback(bench.target);
  expect(Date.parse((await useNow())?.setAsideAt ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.setAsideAt ?? ''));
});
