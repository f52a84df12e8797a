import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { TRANSITIONS } from '../../../../src/restore/volume/transitions.ts';
import { readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { incomingDir, previousDir, spoolDir } from '../../../../src/tree/places/place.ts';
import { crashesLaterAt } from '../../parts/crash.ts';
import { jobWith } from '../../parts/job-with.ts';
import { type Bench, contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { emptyBench, layDown, placesOf, promoted, restored } from '../../parts/situations.ts';
import { snapshotTree, type TreeSnapshot } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();

// A process that dies loses nothing of what it gave to the kernel.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

const rootOf = ({ places }: Bench) => places.pgdata.root;
const situationIn = async ({ places }: Bench) => (await engine.status(places)).situation;

/** As a deletion leaves it that was cut in the middle, whichever file it had come to. */
function halve(directory: string): void {
  if (fs.existsSync(directory)) fs.rmSync(path.join(directory, 'base'), { recursive: true, force: true });
}

/** Tries a crash before every step of the command, until it gets through. */
async function crashEverywhere(
  make: () => Promise<Bench>,
  act: (bench: Bench) => Promise<unknown>,
  after: (bench: Bench) => Promise<void>,
) {
  for (let n = 1; ; n++) {
    const bench = await make();
    const crashed = await crashesLaterAt(n, () => act(bench));
    fs.rmSync(path.join(bench.places.pgdata.odoDir, 'lock'), { force: true });
    await after(bench);
    if (!crashed) return;
  }
}

/** Without the settings, which commands take out, and the file beside them that a crash may leave. */
const owned = (bench: Bench) => contentOf(bench).map(withoutSettings);

function withoutSettings(content: TreeSnapshot): TreeSnapshot {
  const { '.': _root, 'postgresql.auto.conf': _settings, 'postgresql.auto.conf.new': _written, ...rest } = content;
  return rest;
}

describe('a command that is killed at any step', () => {
  it('clean: no rollback puts half of the old data in place, and clean can be run again', async () => {
    let used: ReturnType<typeof owned> = [];
    const make = async () => {
      const bench = await promoted(setUpBench());
      used = owned(bench);
      return bench;
    };
    await crashEverywhere(
      make,
      (bench) => engine.clean(bench.places),
      async (bench) => {
        const journal = readJournal(bench.places.pgdata.odoDir);
        const isUntouched = journal?.state === 'swapped';
        if (!isUntouched) halve(previousDir(bench.places.pgdata));
        const { rolledBack } = await engine.rollback(bench.places);
        expect(rolledBack).toBe(isUntouched);
        expect(owned(bench)).toEqual(isUntouched ? withoutRoot(bench.old) : used);
        await engine.clean(bench.places);
        expect(await situationIn(bench)).toBe('untouched');
      },
    );
  });

  it('clean of staged files: what is left is named, and cleaned by the same command', async () => {
    const make = async () => {
      const bench = setUpBench();
      await layDown(bench);
      return bench;
    };
    await crashEverywhere(
      make,
      (bench) => engine.clean(bench.places),
      async (bench) => {
        const situation = await situationIn(bench);
        const isLeft = fs.existsSync(incomingDir(bench.places.pgdata));
        if (isLeft) expect(TRANSITIONS[situation].advice).toContain('odo clean');
        const { freedBytes } = await engine.clean(bench.places);
        expect(freedBytes > 0).toBe(situation !== 'untouched');
        expect(fs.existsSync(bench.places.pgdata.odoDir)).toBe(false);
        expect(contentOf(bench)).toEqual(bench.old);
      },
    );
  });

  it('a restore that removes what another laid down: the other does not go on from half of it', async () => {
    const make = async () => {
      const bench = setUpBench();
      await layDown(bench);
      return bench;
    };
    for (let n = 1, isBegun = false; !isBegun; n++) {
      const bench = await make();
      const fresh = jobWith(bench.job, { fresh: true });
      const crashed = await crashesLaterAt(n, () =>
        engine.layDown(fresh, stopAtLayDown(), new AbortController().signal).catch(rethrow),
      );
      isBegun = !crashed;
      const { odoDir } = bench.places.pgdata;
      fs.rmSync(path.join(odoDir, 'lock'), { force: true });
      const isWhole = (readJournal(odoDir)?.finishedParts ?? []).length > 0;
      if (!isWhole) halve(incomingDir(bench.places.pgdata));
      await layDown(bench);
      await engine.swap(bench.places);
      expect(fs.readFileSync(path.join(rootOf(bench), 'base/5/1259'), 'utf8')).toBe('pg_class');
    }
  });

  it('a rollback of a server in use: it is carried through, and neither content is lost', async () => {
    let used: ReturnType<typeof owned> = [];
    const make = async () => {
      const bench = await promoted(setUpBench());
      used = owned(bench);
      return bench;
    };
    await crashEverywhere(
      make,
      (bench) => engine.rollback(bench.places),
      async (bench) => {
        const situation = await situationIn(bench);
        expect(['used', 'setting-aside', 'set-aside']).toContain(situation);
        if (situation === 'setting-aside') {
          expect((await engine.probe(bench.places)).pgdata.startable).toBe(false);
          expect(await engine.rollback(bench.places)).toMatchObject({
            rolledBack: true,
            isKept: true,
            inPlace: 'before',
          });
        }
        if (situation === 'used') await engine.rollback(bench.places);
        expect(contentOf(bench)).toEqual(bench.old);
        await engine.rollback(bench.places);
        expect(owned(bench)).toEqual(used);
        expect(withoutRoot(placesOf(bench).map((place) => snapshotTree(previousDir(place))))).toEqual(
          withoutRoot(bench.old),
        );
      },
    );
  });

  it('a restore --wipe: nothing that is left can be started, and no image takes it for new', async () => {
    for (let n = 1, isBegun = false; !isBegun; n++) {
      const bench = setUpBench();
      bench.job.oldData.wipe = true;
      isBegun = !(await crashesLaterAt(n, () =>
        engine.layDown(bench.job, stopAtLayDown(), new AbortController().signal).catch(rethrow),
      ));
      const { odoDir } = bench.places.pgdata;
      fs.rmSync(path.join(odoDir, 'lock'), { force: true });
      const journal = readJournal(odoDir);
      if (fs.existsSync(path.join(rootOf(bench), 'global/pg_control'))) {
        expect(contentOf(bench)).toEqual(bench.old);
        await expectNothingDeleted(bench);
        continue;
      }
      expect(journal?.wiped).toBe(true);
      expect(fs.statSync(path.join(rootOf(bench), 'PG_VERSION')).size).toBeGreaterThan(0);
      const { pgdata } = await engine.probe(bench.places);
      expect(pgdata).toMatchObject({ startable: false, situation: 'interrupted-vacant', old: { where: 'gone' } });
      expect((await engine.rollback(bench.places)).rolledBack).toBe(false);
      // Another job, without --wipe: what was deleted is not promised.
      const other = jobWith(bench.job, { wipe: false, settings: [['work_mem', '9MB']] });
      expect((await engine.layDown(other, () => undefined, new AbortController().signal)).oldData).toBe('deleted');
      await engine.swap(bench.places);
      expect(await situationIn(bench)).toBe('recovering-alone');
    }
  });
});

/** A deletion that was only noted may never come about: the server is started again, and takes a commit. */
async function expectNothingDeleted(bench: Bench): Promise<void> {
  const committed = path.join(rootOf(bench), 'base/5/99999');
  fs.writeFileSync(committed, 'committed');
  const { pgdata } = await engine.probe(bench.places);
  expect(pgdata).toMatchObject({ startable: true, old: { where: 'in place' } });
  expect(pgdata.situation).toMatch(/^(untouched|leftovers|interrupted)$/);
  const job = jobWith(bench.job, { wipe: false });
  expect((await engine.layDown(job, () => undefined, new AbortController().signal)).oldData).toBe('kept');
  expect(fs.readFileSync(committed, 'utf8')).toBe('committed');
  await engine.clean(bench.places);
  expect(fs.readFileSync(committed, 'utf8')).toBe('committed');
}

class Stopped extends Error {}

/** Lets the laying down end where its first byte would be fetched. */
function stopAtLayDown() {
  return (event: { type: string; phase?: string }) => {
    if (event.type === 'phase' && event.phase === 'lay-down') throw new Stopped();
  };
}

function rethrow(error: unknown): void {
  if (!(error instanceof Stopped)) throw error;
}

function withoutRoot(contents: ReturnType<typeof contentOf>) {
  // The settings change, and a file that is being written may have its temporary name beside it.
  return contents.map(
    ({ '.': _root, 'postgresql.auto.conf': _settings, 'postgresql.auto.conf.new': _torn, ...rest }) => rest,
  );
}

describe('a place that was empty', () => {
  it('is guarded from the laying down on, and as empty as before when that is discarded', async () => {
    const bench = emptyBench();
    await layDown(bench);
    expect(fs.readdirSync(rootOf(bench))).toEqual(['PG_VERSION']);
    expect((await engine.probe(bench.places)).pgdata).toMatchObject({
      empty: true,
      startable: false,
      old: { where: 'nothing' },
    });
    await engine.discard(bench.places);
    expect(fs.readdirSync(rootOf(bench))).toEqual([]);
  });

  it('keeps its guard after a restore --wipe that was discarded, until odo clean', async () => {
    const bench = setUpBench();
    bench.job.oldData.wipe = true;
    await layDown(bench);
    await engine.discard(bench.places);
    expect(fs.readdirSync(rootOf(bench))).toEqual(['PG_VERSION']);
    expect(await situationIn(bench)).toBe('leftovers');
    await engine.clean(bench.places);
    expect(fs.readdirSync(rootOf(bench))).toEqual([]);
  });

  it('has its guard or the new PG_VERSION at every step of the exchange, and any run goes on from there', async () => {
    const make = async () => {
      const bench = emptyBench();
      await layDown(bench);
      return bench;
    };
    await crashEverywhere(
      make,
      (bench) => engine.swap(bench.places),
      async (bench) => {
        expect(fs.statSync(path.join(rootOf(bench), 'PG_VERSION')).size).toBeGreaterThan(0);
        expect((await layDown(bench)).oldData).toBe('none');
        await engine.swap(bench.places);
        expect(fs.readFileSync(path.join(rootOf(bench), 'PG_VERSION'), 'utf8')).toBe('17\n');
        expect(await situationIn(bench)).toBe('recovering-alone');
      },
    );
  });

  it('is guarded again when a restore that waits is taken back', async () => {
    const bench = await restored(emptyBench());
    bench.job.run.fresh = true;
    const { report, signal } = cancelled();
    await expect(engine.layDown(bench.job, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(fs.readdirSync(rootOf(bench))).toEqual(['PG_VERSION']);
    expect((await engine.probe(bench.places)).pgdata).toMatchObject({
      startable: false,
      situation: 'interrupted-vacant',
    });
  });

  function cancelled() {
    const controller = new AbortController();
    const report = (event: { type: string }) => {
      if (event.type === 'phase') controller.abort();
    };
    return { signal: controller.signal, report };
  }
});

it('nothing is exchanged below a server that runs there', async () => {
  const bench = await restored(setUpBench());
  const own = path.join(scratchDirectory(), 'postgres');
  fs.copyFileSync('/bin/sleep', own);
  const { spawn } = await import('node:child_process');
  const server = spawn(own, ['60'], { cwd: rootOf(bench) });
  try {
    fs.writeFileSync(path.join(rootOf(bench), 'postmaster.pid'), `${server.pid}\n`);
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining('below it'),
    });
    expect(await situationIn(bench)).toBe('recovering');
    expect(fs.existsSync(spoolDir(bench.places.pgdata))).toBe(true);
    expect(previousDir(bench.places.pgdata)).toSatisfy(fs.existsSync);
  } finally {
    server.kill();
  }
});

it('the old data is judged where it is: in `previous` while a restored server waits', async () => {
  const bench = setUpBench();
  const control = fs.readFileSync(new URL('../../../fixtures/postgres/pg_control.15', import.meta.url));
  fs.writeFileSync(path.join(rootOf(bench), 'global/pg_control'), control);
  const before = (await engine.probe(bench.places, { measure: true })).pgdata.old;
  await restored(bench);
  const waiting = (await engine.probe(bench.places, { measure: true })).pgdata.old;
  expect(before).toMatchObject({ where: 'in place', pgVersion: '15' });
  expect(waiting).toEqual({ ...before, where: 'previous' });
  expect(waiting?.systemIdentifier).not.toBe(bench.job.backup.systemIdentifier);
});

it('a signal file that is put there later does not make a server in use one that has not recovered', async () => {
  const bench = await restored(setUpBench());
  const { places } = bench;
  fs.rmSync(path.join(rootOf(bench), 'recovery.signal'));
  await engine.finish({ places, keepPrevious: true, settings: 'remove', reached: { timeline: 2, lsn: '0/300000' } });
  fs.writeFileSync(path.join(rootOf(bench), 'standby.signal'), '');
  const { pgdata } = await engine.probe(places);
  expect(pgdata).toMatchObject({
    situation: 'used',
    usedSinceSwap: true,
    use: { finished: { timeline: 2, lsn: '0/300000' } },
  });
  await expect(layDown(bench)).rejects.toMatchObject({ code: 'unsafeTarget' });
});

it('a promoted standby that somebody has made a standby again is kept by a rollback', async () => {
  const waits = { target: 'x', isStandby: true, keepPrevious: false, ownWordOnArchiving: false, keepArchiving: false };
  const bench = await promoted(setUpBench(), { awaitsPromotion: waits });
  const committed = path.join('base/5', '99999');
  fs.writeFileSync(path.join(rootOf(bench), committed), 'committed');
  fs.writeFileSync(path.join(rootOf(bench), 'standby.signal'), '');
  expect(await situationIn(bench)).toBe('promoted');
  expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true, isKept: true });
  expect(fs.readFileSync(path.join(previousDir(bench.places.pgdata), committed), 'utf8')).toBe('committed');
});

it('a journal of an older version, which knows nothing of all this, is understood', async () => {
  const bench = await promoted(setUpBench());
  const { odoDir } = bench.places.pgdata;
  const { version, state, backupId, startedAt, places } = readJournal(odoDir) as NonNullable<
    ReturnType<typeof readJournal>
  >;
  writeJournal(odoDir, { version, state, backupId, startedAt, places });
  expect(await situationIn(bench)).toBe('used');
  expect(await engine.rollback(bench.places)).toMatchObject({ isKept: true });
  expect(contentOf(bench)).toEqual(bench.old);
});
