import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { withMountsOf } from '../../../../src/restore/service/journal-mounts.ts';
import type { Place } from '../../../../src/tree/places/place.ts';
import { type Bench, contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { journalOf, layDown, MAKE, placesOf, promoted, restored, rewrite } from '../../parts/situations.ts';
import { snapshotTree } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

const tablespaceOf = (bench: Bench) => (bench.places.tablespaces[0] as { place: Place }).place.root;

/** As compose leaves it where the tablespace's volume is not among the service's any more. */
function unmount(bench: Bench, { mountPoint = false } = {}) {
  const root = tablespaceOf(bench);
  fs.renameSync(root, `${root}.unmounted`);
  if (mountPoint) fs.mkdirSync(root);
}

function mountAgain(bench: Bench): void {
  const root = tablespaceOf(bench);
  fs.rmSync(root, { recursive: true, force: true });
  fs.renameSync(`${root}.unmounted`, root);
}

const everything = (bench: Bench) => [snapshotTree(bench.volume), snapshotTree(`${tablespaceOf(bench)}.unmounted`)];

const REFUSED = { code: 'unsafeTarget', hint: expect.stringContaining('mounted') };

describe('while a tablespace of the restore is not mounted', () => {
  const WAYS: Record<
    string,
    { make: () => Promise<Bench>; act: (bench: Bench) => Promise<unknown>; mountPoint?: boolean }
  > = {
    'the rollback of a server that recovers': {
      make: () => restored(setUpBench()),
      act: ({ places: { pgdata } }) => engine.rollback({ pgdata, tablespaces: [] }),
    },
    'the rollback of a server in use': {
      make: () => promoted(setUpBench()),
      act: ({ places: { pgdata } }) => engine.rollback({ pgdata, tablespaces: [] }),
      mountPoint: true,
    },
    'what carries a rollback through': { make: MAKE['setting-aside'], act: ({ places }) => engine.rollback(places) },
    'a clean-up of the old data': { make: () => promoted(setUpBench()), act: ({ places }) => engine.clean(places) },
    'the end of a restore': {
      make: () => promoted(setUpBench()),
      act: ({ places }) => engine.finish({ places, keepPrevious: false, settings: 'remove' }),
    },
    'a restore that takes another back': { make: () => restored(setUpBench()), act: elsewhere, mountPoint: true },
    'a restore that finishes a deletion': { make: MAKE.clearing, act: elsewhere },
    'the exchange': {
      async make() {
        const bench = setUpBench();
        await layDown(bench);
        return bench;
      },
      act: ({ places }) => engine.swap(places),
    },
  };

  it.each(Object.entries(WAYS))(
    '%s is refused by its name, and nothing is touched',
    async (_name, { make, act, mountPoint }) => {
      const bench = await make();
      unmount(bench, { mountPoint: mountPoint ?? false });
      const before = everything(bench);
      const message = expect.stringContaining(tablespaceOf(bench));
      await expect(act(bench)).rejects.toMatchObject({ ...REFUSED, message });
      fs.rmSync(path.join(bench.places.pgdata.odoDir, 'lock'), { force: true });
      expect(everything(bench)).toEqual(before);
      mountAgain(bench);
      expect(placesOf(bench).every(({ odoDir }) => fs.existsSync(odoDir))).toBe(true);
    },
  );

  it('what is left there goes on as before once it is mounted again', async () => {
    const bench = await restored(setUpBench());
    rewrite(bench, { state: 'moving-back' });
    unmount(bench);
    await expect(engine.rollback(bench.places)).rejects.toMatchObject(REFUSED);
    mountAgain(bench);
    expect(journalOf(bench).state).toBe('moving-back');
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true, inPlace: 'before' });
  });

  /** With the tablespace at another place, as the next restore may have it. */
  function elsewhere({ job, places: { pgdata } }: Bench): Promise<unknown> {
    const root = scratchDirectory();
    const places = { pgdata, tablespaces: [{ oid: 16387, place: { root, odoDir: path.join(root, '.odo') } }] };
    return engine.layDown({ ...job, places }, () => undefined, new AbortController().signal);
  }
});

it('the mounts of the places that an earlier restore has filled are opened as well', () => {
  const mount = (destination: string, type: Mount['type'] = 'volume'): Mount => ({
    type,
    source: `of${destination}`,
    destination,
    readOnly: false,
  });
  const [data, fast, other] = [mount('/data'), mount('/fast'), mount('/other')];
  const found = { service: { mounts: [data, fast, other, mount('/run', 'tmpfs')] } } as FoundService;
  const at = (root: string): Place => ({ root, odoDir: `${root}/.odo` });
  expect(withMountsOf(found, [data])).toEqual([data]);
  const places = [at('/data/pg'), at('/fast/space'), at('/fast/second'), at('/gone'), at('/run/space')];
  expect(withMountsOf(found, [data], places)).toEqual([data, fast]);
  expect(withMountsOf(found, [data, fast], places)).toEqual([data, fast]);
});

describe('where somebody has removed the data directory itself', () => {
  const AWAY = ['waiting', 'recovering', 'promoted', 'used', 'exchanging'] as const;

  it.each(AWAY)('a rollback brings the old data back all the same (%s)', async (situation) => {
    const bench = await MAKE[situation]();
    const { places } = bench;
    fs.rmSync(places.pgdata.root, { recursive: true });
    expect(await engine.rollback(places)).toMatchObject({ rolledBack: true });
    expect(contentOf(bench)).toEqual(bench.old);
  });

  it('a rollback makes the directories on the way as well, for the same owner', async () => {
    const bench = setUpBench('18/docker');
    const mode = (directory: string) => fs.statSync(directory).mode & 0o777;
    fs.chmodSync(bench.places.pgdata.root, 0o750);
    await promoted(bench);
    fs.rmSync(`${bench.volume}/18`, { recursive: true });
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true });
    expect([mode(`${bench.volume}/18`), mode(bench.places.pgdata.root)]).toEqual([0o750, 0o750]);
  });

  it.each(['set-aside', 'setting-aside'] as const)(
    'what a rollback has set aside comes back (%s)',
    async (situation) => {
      const bench = await MAKE[situation]();
      const { places } = bench;
      if (situation === 'setting-aside') await engine.rollback(places);
      fs.rmSync(places.pgdata.root, { recursive: true });
      expect(await engine.rollback(places)).toMatchObject({ rolledBack: true, inPlace: 'restored' });
      expect(fs.existsSync(`${places.pgdata.root}/global/pg_control`)).toBe(true);
    },
  );
});
