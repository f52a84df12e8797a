import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const EIO = 5;
/** What syncfs(2) answers. */
let answer = 0;
vi.mock('../../../../src/stream/native/native.ts', async (original) => ({
  ...(await original<object>()),
  loadSyncfs: () => async () => answer,
}));

const failed = { code: 'writeFailed', message: expect.stringContaining('EIO') };

describe('when the disk tells of an error', () => {
  let engine: Engine;
  let places: ClusterPlaces;
  let root: string;
  let odoDir: string;

  beforeEach(() => {
    answer = EIO;
    root = path.join(scratchDirectory(), 'pgdata');
    odoDir = path.join(root, '.odo');
    places = { pgdata: { root, odoDir }, tablespaces: [] };
    engine = createDirectoryEngine();
    for (const name of ['.odo/incoming', '.odo/previous', 'base'])
      fs.mkdirSync(path.join(root, name), { recursive: true });
    fs.writeFileSync(path.join(root, 'postgresql.auto.conf'), '');
  });

  afterEach(() => engine.close());

  function restored(state: 'staged' | 'swapped', old: string): void {
    fs.writeFileSync(path.join(old, 'PG_VERSION'), '15');
    const startedAt = '2026-01-01T00:00:00Z';
    writeJournal(odoDir, { version: 1, state, backupId: 'b', startedAt, places: [places.pgdata] });
  }

  it('nothing is exchanged', async () => {
    restored('staged', root);
    await expect(engine.swap(places)).rejects.toMatchObject(failed);
    expect([readJournal(odoDir)?.state, fs.existsSync(path.join(root, 'PG_VERSION'))]).toEqual(['staged', true]);
  });

  it.each([
    ['finish', () => engine.finish({ places, keepPrevious: false, settings: 'remove' })],
    ['clean', () => engine.clean(places)],
  ])('%s deletes no old data, and leaves the way back', async (_name, end) => {
    restored('swapped', path.join(odoDir, 'previous'));
    await expect(end()).rejects.toMatchObject(failed);
    expect(readJournal(odoDir)?.state).toBe('swapped');
    expect(fs.existsSync(path.join(odoDir, 'previous', 'PG_VERSION'))).toBe(true);
    answer = 0;
    // The kernel tells it once; this engine has been told.
    await expect(end()).rejects.toMatchObject(failed);
    expect(await engine.rollback(places)).toMatchObject({ rolledBack: true });
    expect(fs.existsSync(path.join(root, 'PG_VERSION'))).toBe(true);
  });
});
