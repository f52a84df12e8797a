import fs from 'node:fs';
import { expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { layDown } from '../../parts/situations.ts';

it.each(['ENOSPC', 'EDQUOT'])('what takes room is removed also where there is none for the lock (%s)', async (code) => {
  const bench = setUpBench();
  await layDown(bench);
  const { openSync } = fs;
  const spy = vi.spyOn(fs, 'openSync').mockImplementation((file, ...how) => {
    if (String(file).endsWith('/.odo/lock') && how[0] === 'wx') throw Object.assign(new Error(code), { code });
    return openSync(file, ...how);
  });
  const cleaned = await createDirectoryEngine()
    .clean(bench.places)
    .finally(() => spy.mockRestore());
  expect(cleaned.found).toBe(true);
  expect(fs.existsSync(bench.places.pgdata.odoDir)).toBe(false);
  expect(contentOf(bench)).toEqual(bench.old);
});
