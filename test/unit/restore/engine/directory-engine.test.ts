import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { OdoEvent, Phase, Report } from '../../../../src/events.ts';
import type { FinishOptions } from '../../../../src/restore/contract/jobs.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { HOST_GONE } from '../../../../src/restore/engine/host-gone.ts';
import { type Journal, readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { swap, swapBack } from '../../../../src/tree/exchange/swap.ts';
import { incomingDir, type Place, previousDir, spoolDir } from '../../../../src/tree/places/place.ts';
import { crashesAt, crashesLaterAt } from '../../parts/crash.ts';
import { setFreeBytes } from '../../parts/free-bytes.ts';
import { onFullDisk } from '../../parts/full-disk.ts';
import { segment } from '../../parts/named-archive.ts';
import { type Bench, CONTROL, contentOf, proveContent, setUpBench } from '../../parts/restore-bench.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../../parts/tree-snapshot.ts';

const engine = createDirectoryEngine();
const never = new AbortController().signal;
const silent: Report = () => undefined;

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

const layDown = (bench: Bench, report = silent, signal = never) => engine.layDown(bench.job, report, signal);

async function restore(bench: Bench): Promise<void> {
  await layDown(bench);
  await engine.swap(bench.places);
}

function finishOf(bench: Bench, more: Partial<FinishOptions> = {}): FinishOptions {
  return { places: bench.places, keepPrevious: false, settings: 'remove', ...more };
}

/** What a server does at the end of its recovery. */
function promote({ places }: Bench): void {
  fs.rmSync(path.join(places.pgdata.root, 'recovery.signal'));
}

const placesOf = ({ places }: Bench): Place[] => [places.pgdata, ...places.tablespaces.map(({ place }) => place)];
const stateOf = ({ places }: Bench) => readJournal(places.pgdata.odoDir)?.state;
const leftovers = (bench: Bench) => placesOf(bench).filter(({ odoDir }) => fs.existsSync(odoDir));
const previousOf = (bench: Bench) => placesOf(bench).map((place) => snapshotTree(previousDir(place)));
const autoConf = ({ places }: Bench) => fs.readFileSync(path.join(places.pgdata.root, 'postgresql.auto.conf'), 'utf8');

/** A part that was uploaded only so far. */
function cutOff(bench: Bench, name: string, sizeBytes: number): void {
  fs.truncateSync(path.join(bench.repository, 'base/b1', name), sizeBytes);
  proveContent(bench);
}

/** The tars that are there are whole. barman puts backup_label into the last of the data's, and nothing counts them. */
function withoutLabel(bench: Bench): void {
  execFileSync('tar', ['--delete', '-f', path.join(bench.repository, 'base/b1/data.tar'), './backup_label']);
  proveContent(bench);
}

/** The job is for another backup, of the same content. */
function takeAnother(bench: Bench): void {
  fs.cpSync(path.join(bench.repository, 'base/b1'), path.join(bench.repository, 'base/b2'), { recursive: true });
  bench.job.backup = { ...bench.job.backup, id: 'b2' };
  proveContent(bench);
}

/** The same job with its tablespace in another directory. */
function elsewhere({ places }: Bench['job']): Bench['job']['places'] {
  const root = scratchDirectory();
  return { ...places, tablespaces: [{ oid: 16387, place: { root, odoDir: path.join(root, '.odo') } }] };
}

/** A signal that fires when the phase begins, and a report for it. */
function cancelAt(phase: Phase): { signal: AbortSignal; report: Report } {
  const controller = new AbortController();
  const report = (event: OdoEvent) => {
    if (event.type === 'phase' && event.phase === phase && event.state === 'started') controller.abort();
  };
  return { signal: controller.signal, report };
}

describe('a whole restore', () => {
  it.each(['.', '18/docker'])(
    'fills PGDATA at %s and its tablespace, over older content that is kept until it is finished',
    async (root) => {
      const bench = setUpBench(root);
      const laidDown = await layDown(bench);
      expect(contentOf(bench)).toEqual(bench.old);
      expect(laidDown).toMatchObject({ files: 7, walSegments: 3, reusedBytes: 0, reusedParts: 0 });

      await engine.swap(bench.places);
      const [data, space] = contentOf(bench);
      expect(
        Object.keys(data ?? {})
          .filter((name) => !data?.[name]?.startsWith('directory'))
          .sort(),
      ).toEqual([
        'PG_VERSION',
        'backup_label',
        'base/5/1259',
        'global/pg_control',
        'pg_hba.conf',
        'pg_tblspc/16387',
        'postgresql.auto.conf',
        'postgresql.conf',
        'recovery.signal',
      ]);
      expect(fs.readFileSync(path.join(bench.places.pgdata.root, 'global/pg_control')).equals(CONTROL)).toBe(true);
      expect(data?.['pg_tblspc/16387']).toBe(`link to ${bench.places.tablespaces[0]?.place.root} 999:998`);
      expect(data?.['.']).toBe('directory 750 999:998');
      expect(space?.['PG_17_202406281/5/16400']).toMatch(/^file \d+ 999:998 heap$/);
      for (const what of [...Object.values(data ?? {}), ...Object.values(space ?? {})])
        expect(what).toContain('999:998');
      expect(previousOf(bench)).toEqual(bench.old);
      expect(fs.readdirSync(spoolDir(bench.places.pgdata)).sort()).toEqual(
        [1, 2, 3].map((number) => segment(1, number)).concat('complete'),
      );
      for (const reached of [bench.places.pgdata.odoDir, spoolDir(bench.places.pgdata)]) {
        expect(fs.statSync(reached)).toMatchObject({ uid: 999, gid: 998 });
      }

      promote(bench);
      await engine.finish(finishOf(bench));
      expect(leftovers(bench)).toEqual([]);
      expect(autoConf(bench)).toBe("work_mem = '8MB'\n");
      expect(fs.statSync(path.join(bench.places.pgdata.root, 'postgresql.auto.conf'))).toMatchObject({
        uid: 999,
        gid: 998,
      });
    },
  );

  it.each(['again', 'other'])(
    'takes barman’s native backups, which have two files twice: the second time %s',
    async (second) => {
      const bench = setUpBench();
      const file = path.join(bench.repository, 'base/b1/data.tar');
      const scratch = scratchDirectory();
      const tar = (...args: string[]) =>
        execFileSync('tar', ['--format=pax', '--no-recursion', '-C', scratch, '-f', file, ...args]);
      execFileSync('tar', ['-xf', file, '-C', scratch]);
      for (const name of ['postmaster.pid', 'standby.signal']) fs.rmSync(path.join(scratch, name));
      fs.rmSync(path.join(scratch, 'pg_tblspc/16387'));
      fs.writeFileSync(path.join(scratch, 'backup_manifest'), '{}');
      fs.rmSync(file);
      tar(
        '-c',
        'backup_label',
        'base/5/1259',
        'backup_manifest',
        'PG_VERSION',
        'postgresql.auto.conf',
        'postgresql.conf',
      );
      if (second === 'other') fs.appendFileSync(path.join(scratch, 'backup_manifest'), ' ');
      tar(
        '-r',
        './',
        './backup_label',
        './backup_manifest',
        './base/',
        './base/5/',
        './pg_tblspc/',
        'global/pg_control',
      );
      proveContent(bench);
      if (second === 'other') {
        const fault = { code: 'dataCorrupt', message: expect.stringContaining('backup_manifest twice') };
        await expect(layDown(bench)).rejects.toMatchObject(fault);
        return;
      }
      await layDown(bench);
      await engine.swap(bench.places);
      const { root } = bench.places.pgdata;
      expect(fs.readFileSync(path.join(root, 'backup_label'), 'utf8')).toMatch(/^START WAL LOCATION/);
      expect(fs.readFileSync(path.join(root, 'backup_manifest'), 'utf8')).toBe('{}');
      expect(fs.statSync(path.join(root, 'base/5')).isDirectory()).toBe(true);
    },
  );

  it('fills directories that are not there yet', async () => {
    const bench = setUpBench('new/data');
    fs.rmSync(path.join(bench.volume, 'new'), { recursive: true });
    await restore(bench);
    expect(fs.statSync(path.join(bench.volume, 'new'))).toMatchObject({ uid: 999, gid: 998 });
    expect(contentOf(bench)[0]?.PG_VERSION).toMatch(/17\n$/);
  });

  it('keeps archiving off when it is told to, with the owner and mode that the file had', async () => {
    const bench = setUpBench();
    await restore(bench);
    promote(bench);
    fs.chmodSync(path.join(bench.places.pgdata.root, 'postgresql.auto.conf'), 0o640);
    await engine.finish(finishOf(bench, { settings: 'remove-but-keep-archiving-off' }));
    expect(autoConf(bench)).toMatch(/^work_mem = '8MB'\n# odo: .*\narchive_mode = 'off'\n$/);
    expect((fs.statSync(path.join(bench.places.pgdata.root, 'postgresql.auto.conf')).mode & 0o777).toString(8)).toBe(
      '640',
    );
  });

  it('leaves the history of the new timeline to the archiver, as the server itself would', async () => {
    const bench = setUpBench();
    await restore(bench);
    promote(bench);
    const wal = path.join(bench.places.pgdata.root, 'pg_wal');
    fs.mkdirSync(path.join(wal, 'archive_status'), { recursive: true });
    for (const name of ['00000002.history', '00000003.history']) {
      fs.writeFileSync(path.join(wal, name), '');
      fs.chownSync(path.join(wal, name), 999, 998);
    }
    fs.writeFileSync(path.join(wal, 'archive_status/00000002.history.done'), '');
    await engine.finish(finishOf(bench));
    expect(fs.readdirSync(path.join(wal, 'archive_status')).sort()).toEqual([
      '00000002.history.done',
      '00000003.history.ready',
    ]);
    const { mode, uid, gid } = fs.statSync(path.join(wal, 'archive_status/00000003.history.ready'));
    expect([(mode & 0o777).toString(8), uid, gid]).toEqual(['600', 999, 998]);
  });

  it('leaves the recovery to whoever starts the server, when nobody watches', async () => {
    const bench = setUpBench();
    await restore(bench);
    await engine.finish(finishOf(bench, { keepPrevious: true, settings: 'leave' }));
    expect(autoConf(bench)).toContain('restore_command');
    expect(fs.existsSync(path.join(spoolDir(bench.places.pgdata), 'complete'))).toBe(true);
    expect(previousOf(bench)).toEqual(bench.old);
    expect(stateOf(bench)).toBe('swapped');
  });

  it('leaves nothing to roll back to where there was nothing before', async () => {
    const bench = setUpBench();
    for (const { root } of placesOf(bench))
      for (const name of fs.readdirSync(root)) fs.rmSync(path.join(root, name), { recursive: true });
    await restore(bench);
    await engine.finish(finishOf(bench, { keepPrevious: true, settings: 'leave' }));
    expect(stateOf(bench)).toBeUndefined();
    expect(leftovers(bench)).toEqual([bench.places.pgdata]);
    expect(fs.readdirSync(bench.places.pgdata.odoDir).sort()).toEqual(['restore-command', 'spool']);
  });

  it('runs as an ordinary user on directories of that user', async () => {
    const bench = setUpBench();
    for (const directory of [bench.repository, ...placesOf(bench).map(({ root }) => root), bench.volume]) {
      execFileSync('chown', ['-R', '65534:65534', directory]);
    }
    const engineUrl = new URL('../../../../src/restore/engine/directory-engine.ts', import.meta.url).href;
    const script = `
      import { createDirectoryEngine } from ${JSON.stringify(engineUrl)};
      const engine = createDirectoryEngine();
      const job = ${JSON.stringify(bench.job)};
      await engine.layDown(job, () => undefined, new AbortController().signal);
      await engine.swap(job.places);
      process.exit(0);`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      uid: 65534,
      gid: 65534,
      cwd: '/',
      stdio: 'pipe',
    });
    const [data, space] = contentOf(bench);
    for (const what of [...Object.values(data ?? {}), ...Object.values(space ?? {})])
      expect(what).toContain('65534:65534');
    expect(data?.['global/pg_control']).toBeDefined();
  });
});

describe('a failure before the exchange', () => {
  it.each(['lay-down', 'wal', 'sync'] as const)(
    'by a cancellation in phase %s leaves the old content, and can be discarded without a trace',
    async (phase) => {
      const bench = setUpBench();
      bench.job.run.sync = true;
      const { signal, report } = cancelAt(phase);
      await expect(layDown(bench, report, signal)).rejects.toMatchObject({ name: 'OdoError', code: 'cancelled' });
      expect(contentOf(bench)).toEqual(bench.old);
      expect(stateOf(bench)).toBe('laying-down');
      await engine.discard(bench.places);
      expect(contentOf(bench)).toEqual(bench.old);
      expect(leftovers(bench)).toEqual([]);
    },
  );

  it('never has pg_control in the staged directory while it is incomplete', async () => {
    const bench = setUpBench();
    const seen: boolean[] = [];
    await layDown(bench, (event) => {
      if (event.type === 'phase')
        seen.push(fs.existsSync(path.join(incomingDir(bench.places.pgdata), 'global/pg_control')));
    });
    expect(seen).toEqual([false, false, false, false]);
  });

  it.each<[string, (bench: Bench) => unknown, string]>([
    ['a part is gone', (bench) => fs.rmSync(path.join(bench.repository, 'base/b1/16387.tar.gz')), 'backupIncomplete'],
    [
      'all are gone',
      (bench) => fs.rmSync(path.join(bench.repository, 'base/b1'), { recursive: true }),
      'backupIncomplete',
    ],
    ['backup_label is gone with the last tar of the data', withoutLabel, 'backupIncomplete'],
    ['a part is cut off', (bench) => cutOff(bench, 'data.tar', 3000), 'dataCorrupt'],
    ['a packed part is cut off', (bench) => cutOff(bench, '16387.tar.gz', 100), 'dataCorrupt'],
    [
      'a segment is gone',
      (bench) => fs.rmSync(path.join(bench.repository, `wals/0000000100000000/${segment(1, 2)}.gz`)),
      'backupIncomplete',
    ],
    ['the version does not fit', (bench) => Object.assign(bench.job.server, { postgresMajor: 18 }), 'versionMismatch'],
  ])('because %s has its own code and leaves the old content', async (_what, damage, code) => {
    const bench = setUpBench();
    damage(bench);
    await expect(layDown(bench)).rejects.toMatchObject({ name: 'OdoError', code });
    expect(contentOf(bench)).toEqual(bench.old);
    expect(fs.existsSync(path.join(incomingDir(bench.places.pgdata), 'global/pg_control'))).toBe(false);
  });

  it('is no obstacle to the next run, whose result is the same as without it', async () => {
    const undisturbed = setUpBench();
    await restore(undisturbed);
    const bench = setUpBench();
    const { signal, report } = cancelAt('wal');
    await expect(layDown(bench, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await layDown(bench)).toMatchObject({ reusedParts: 2 });
    await engine.swap(bench.places);
    const ownPaths = (one: Bench) =>
      JSON.stringify(contentOf(one)).replaceAll(one.places.tablespaces[0]?.place.root ?? '', 'TABLESPACE');
    expect(ownPaths(bench)).toBe(ownPaths(undisturbed));
    expect(previousOf(bench)).toEqual(bench.old);
  });

  it.each<[string, (bench: Bench) => void]>([
    ['of another backup', takeAnother],
    ['with its tablespace elsewhere', ({ job }) => Object.assign(job, { places: elsewhere(job) })],
  ])('does not let another run build on what was laid down %s', async (_what, change) => {
    const bench = setUpBench();
    const { signal, report } = cancelAt('wal');
    await expect(layDown(bench, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    plantTree(incomingDir(bench.places.pgdata), { 'base/5/stray': 'of the other run' });
    change(bench);
    expect(await layDown(bench)).toMatchObject({ reusedParts: 0, reusedBytes: 0 });
    await engine.swap(bench.places);
    expect(contentOf(bench)[0]).not.toHaveProperty('base/5/stray');
  });

  it('spares no look at the disk: the next run ends before it is full, and counts what is there as room', async () => {
    const bench = setUpBench();
    const { signal, report } = cancelAt('wal');
    await expect(layDown(bench, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    const { odoDir } = bench.places.pgdata;
    const forget = () => writeJournal(odoDir, { ...(readJournal(odoDir) as Journal), finishedParts: [] });
    forget();
    fs.truncateSync(path.join(incomingDir(bench.places.pgdata), 'base/5/1259'), 0);
    // Each look finds too little for WAL, and for any file that is not there.
    setFreeBytes(() => 0);
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'noSpace',
      message: expect.stringContaining('room for 0 more bytes'),
    });
    setFreeBytes(() => 3 * 2 ** 24);
    expect(await layDown(bench)).toMatchObject({ walSegments: 3 });
    vi.restoreAllMocks();
  });

  it('in an earlier boot of the machine counts nothing as whole, but compares what is there', async () => {
    const bench = setUpBench();
    const { signal, report } = cancelAt('wal');
    await expect(layDown(bench, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    const { odoDir } = bench.places.pgdata;
    const journal = readJournal(odoDir) as Journal;
    expect(journal.finishedParts).toHaveLength(2);
    writeJournal(odoDir, { ...journal, bootId: 'of another boot' });
    // The power failed before it was on the disk.
    fs.truncateSync(path.join(incomingDir(bench.places.pgdata), 'base/5/1259'), 3);
    const laidDown = await layDown(bench);
    expect(laidDown).toMatchObject({ reusedParts: 0, reusedSegments: 0 });
    expect(laidDown.reusedBytes).toBeGreaterThan(0);
    await engine.swap(bench.places);
    expect(fs.readFileSync(path.join(bench.places.pgdata.root, 'base/5/1259'), 'utf8')).toBe('pg_class');
  });
});

describe('an exchange that fails', () => {
  /** Lets the n-th rename of a directory's entry fail, once. */
  function failingRename(n: number) {
    const { renameSync } = fs;
    let count = 0;
    return vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      if (!String(from).endsWith('.new')) count += 1;
      if (count === n) {
        count += 1;
        throw Object.assign(new Error('EBUSY: resource busy or locked'), { code: 'EBUSY' });
      }
      renameSync(from, to);
    });
  }

  it('while the old content moves out puts it back at once', async () => {
    const bench = setUpBench();
    await layDown(bench);
    const spy = failingRename(3);
    await expect(engine.swap(bench.places)).rejects.toThrow('EBUSY');
    spy.mockRestore();
    expect(contentOf(bench)).toEqual(bench.old);
    expect(stateOf(bench)).toBe('staged');
    await engine.swap(bench.places);
    expect(previousOf(bench)).toEqual(bench.old);
  });

  it('while the new content moves in is carried on with', async () => {
    const bench = setUpBench();
    await layDown(bench);
    const spy = failingRename(8);
    await engine.swap(bench.places);
    spy.mockRestore();
    expect(stateOf(bench)).toBe('swapped');
    expect(previousOf(bench)).toEqual(bench.old);
    expect(contentOf(bench)[0]?.['global/pg_control']).toBeDefined();
  });

  const stagedOf = (bench: Bench) => placesOf(bench).map((place) => snapshotTree(incomingDir(place)));

  async function expectTakenBack(bench: Bench, staged: ReturnType<typeof stagedOf>): Promise<void> {
    expect(contentOf(bench)).toEqual(bench.old);
    expect(stagedOf(bench)).toEqual(staged);
    expect(stateOf(bench)).toBe('staged');
    expect(await layDown(bench)).toMatchObject({ reusedParts: 2 });
    await engine.swap(bench.places);
    expect(previousOf(bench)).toEqual(bench.old);
    expect(fs.readdirSync(bench.places.pgdata.odoDir).filter((name) => /spare|incoming/.test(name))).toEqual([]);
  }

  it('for want of room at any step is taken back at once, and the next run goes on from what was staged', async () => {
    for (let steps = 0; ; steps++) {
      const bench = setUpBench();
      await layDown(bench);
      const staged = stagedOf(bench);
      const { failure, refused } = await onFullDisk({ steps }, () => engine.swap(bench.places));
      if (refused === 0) {
        expect(failure).toBeUndefined();
        // Spares, journals, `previous` and the names that are new in a directory: fewer steps would mean that some were
        // not tried.
        expect(steps).toBeGreaterThan(15);
        return;
      }
      expect(failure).toMatchObject({ code: 'noSpace' });
      await expectTakenBack(bench, staged);
    }
  });

  describe('since its process dies', () => {
    /** Dies when that many entries of the new content are in place. */
    async function dieMovingIn(bench: Bench, inPlace: number) {
      await layDown(bench);
      const staged = stagedOf(bench);
      const { renameSync } = fs;
      let count = 0;
      const spy = vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
        if (String(from).includes('/incoming/')) count += 1;
        if (count > inPlace) throw new Error('dead');
        renameSync(from, to);
      });
      const journal = readJournal(bench.places.pgdata.odoDir) as Journal;
      expect(() => swap(bench.places.pgdata.odoDir, journal)).toThrow('dead');
      spy.mockRestore();
      expect(stateOf(bench)).toBe('moving-in');
      return staged;
    }

    /** Where what has moved was before. */
    function hadIn(bench: Bench): string[] {
      const back = (from: string, to: string) => fs.readdirSync(from).map((name) => path.join(to, name));
      return placesOf(bench).flatMap((place) => [
        ...back(place.root, incomingDir(place)),
        ...back(previousDir(place), place.root),
      ]);
    }

    it('is taken back by another one, also on a disk that is full by then', async () => {
      const bench = setUpBench();
      const staged = await dieMovingIn(bench, 4);
      let isStaged: boolean | undefined;
      const { refused } = await onFullDisk({ steps: 0, had: hadIn(bench) }, async () => {
        isStaged = await engine.takeBack(bench.places);
      });
      expect(refused).toBeGreaterThan(0);
      expect(isStaged).toBe(true);
      await expectTakenBack(bench, staged);
    });

    it('gets the room for that from the fetched WAL, if nothing else is left', async () => {
      const bench = setUpBench();
      const { odoDir } = bench.places.pgdata;
      const staged = await dieMovingIn(bench, 4);
      for (const name of fs.readdirSync(odoDir)) if (name.includes('spare')) fs.rmSync(path.join(odoDir, name));
      let isStaged: boolean | undefined;
      const { refused } = await onFullDisk(
        { steps: 0, had: hadIn(bench), freedBy: spoolDir(bench.places.pgdata) },
        async () => {
          isStaged = await engine.takeBack(bench.places);
        },
      );
      expect(refused).toBeGreaterThan(0);
      expect(isStaged).toBe(true);
      await expectTakenBack(bench, staged);
    });

    it('leaves nothing to go on from when a server may have run on the new content', async () => {
      const bench = setUpBench();
      await restore(bench);
      const { odoDir } = bench.places.pgdata;
      writeJournal(odoDir, { ...(readJournal(odoDir) as Journal), state: 'moving-in' });
      expect(await engine.takeBack(bench.places)).toBe(false);
      expect(contentOf(bench)).toEqual(bench.old);
      expect(leftovers(bench)).toEqual([]);
    });
  });
});

describe('after the exchange', () => {
  it('a rollback brings the old content back and leaves no trace', async () => {
    const bench = setUpBench();
    await restore(bench);
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true });
    expect(contentOf(bench)).toEqual(bench.old);
    expect(leftovers(bench)).toEqual([]);
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: false });
  });

  it('a rollback says that it brought back what an interrupted exchange or rollback had displaced', async () => {
    for (const interrupted of ['swap', 'rollback'] as const) {
      const bench = setUpBench();
      await layDown(bench);
      const { odoDir } = bench.places.pgdata;
      if (interrupted === 'rollback') await engine.swap(bench.places);
      expect(
        crashesAt(10, () => (interrupted === 'swap' ? swap : swapBack)(odoDir, readJournal(odoDir) as Journal)),
      ).toBe(true);
      expect(stateOf(bench)).toBe(interrupted === 'swap' ? 'moving-out' : 'moving-back');
      expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true });
      expect(contentOf(bench)).toEqual(bench.old);
    }
  });

  it('a rollback that dies leaves nothing to go on from that a server may have changed', async () => {
    for (let n = 1, crashed = true; crashed; n++) {
      const bench = setUpBench();
      await restore(bench);
      const { odoDir, root } = bench.places.pgdata;
      // All is in place, the exchange died before it could note that, and somebody has started the server.
      writeJournal(odoDir, { ...(readJournal(odoDir) as Journal), state: 'moving-in' });
      fs.writeFileSync(path.join(root, 'base/5/1259'), 'changed!');
      fs.writeFileSync(path.join(root, 'base/5/16400'), 'made by the server');
      crashed = await crashesLaterAt(n, async () => void (await engine.rollback(bench.places)));
      expect(await layDown(bench)).toMatchObject({ reusedParts: 0 });
      await engine.swap(bench.places);
      expect(fs.readFileSync(path.join(root, 'base/5/1259'), 'utf8')).toBe('pg_class');
      expect(fs.existsSync(path.join(root, 'base/5/16400'))).toBe(false);
      expect(previousOf(bench)).toEqual(bench.old);
    }
  });

  it('a rollback has nothing to do where there was nothing before, and leaves what was restored', async () => {
    const bench = setUpBench();
    for (const { root } of placesOf(bench))
      for (const name of fs.readdirSync(root)) fs.rmSync(path.join(root, name), { recursive: true });
    await restore(bench);
    const restored = contentOf(bench);
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: false });
    expect(contentOf(bench)).toEqual(restored);
  });

  it('a new restore takes back one that no server has finished, and keeps what was there at first', async () => {
    const bench = setUpBench();
    await restore(bench);
    await restore(bench);
    expect(previousOf(bench)).toEqual(bench.old);
    expect(contentOf(bench)[0]?.PG_VERSION).toMatch(/17\n$/);
  });

  it('a new restore is refused once the restored server has run, since its data may be wanted', async () => {
    const bench = setUpBench();
    await restore(bench);
    promote(bench);
    const used = contentOf(bench);
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining('in use since'),
    });
    expect(contentOf(bench)).toEqual(used);
    expect(previousOf(bench)).toEqual(bench.old);
  });

  it('discarding what failed before the exchange does not touch one that was made', async () => {
    const bench = setUpBench();
    await restore(bench);
    const restored = contentOf(bench);
    await engine.discard(bench.places);
    expect(contentOf(bench)).toEqual(restored);
    expect(previousOf(bench)).toEqual(bench.old);
  });

  it('a finish that dies at any step is never rolled back to half of the old content', async () => {
    const outcomes = new Set<boolean>();
    for (let n = 1; ; n++) {
      const bench = setUpBench();
      await restore(bench);
      promote(bench);
      const settled = Object.fromEntries(
        Object.entries(contentOf(bench)[0] ?? {}).filter(([name]) => name !== 'postgresql.auto.conf'),
      );
      const died = await crashesLaterAt(n, () => engine.finish(finishOf(bench)));
      // Deleting is not done in one step, so half of what was being deleted may be gone.
      if (stateOf(bench) === 'clearing')
        fs.rmSync(path.join(previousDir(bench.places.pgdata), 'base'), { recursive: true, force: true });
      const { rolledBack } = await engine.rollback(bench.places);
      outcomes.add(rolledBack);
      if (rolledBack) expect(contentOf(bench)).toEqual(bench.old);
      else expect(contentOf(bench)[0]).toMatchObject(settled);
      if (!died) break;
    }
    expect(outcomes).toEqual(new Set([true, false]));
  });

  it('a new restore clears away what a finish that died has left, and is not disturbed by it', async () => {
    const bench = setUpBench();
    await restore(bench);
    promote(bench);
    const { odoDir } = bench.places.pgdata;
    writeJournal(odoDir, { ...(readJournal(odoDir) as Journal), state: 'clearing' });
    fs.rmSync(path.join(previousDir(bench.places.pgdata), 'base'), { recursive: true });
    const before = contentOf(bench);
    let lockedAtStart = false;
    await layDown(bench, (event) => {
      if (event.type === 'phase' && event.phase === 'lay-down')
        lockedAtStart ||= fs.existsSync(path.join(odoDir, 'lock'));
    });
    expect(lockedAtStart).toBe(true);
    await engine.swap(bench.places);
    expect(previousOf(bench)).toEqual(before);
  });
});

describe('cleaning up by hand', () => {
  it('removes what was kept, and staged files, but not the way back from a recovery that has not ended', async () => {
    const bench = setUpBench();
    await restore(bench);
    await expect(engine.clean(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(previousOf(bench)).toEqual(bench.old);
    promote(bench);
    const used = contentOf(bench);
    await engine.clean(bench.places);
    const cleaned = contentOf(bench);
    for (const [pgdata] of [used, cleaned]) delete pgdata?.['postgresql.auto.conf'];
    expect(cleaned).toEqual(used);
    expect(fs.readFileSync(path.join(bench.places.pgdata.root, 'postgresql.auto.conf'), 'utf8')).not.toContain(
      'restore_command',
    );
    expect(leftovers(bench)).toEqual([]);
    const staged = setUpBench();
    await layDown(staged);
    await engine.clean(staged.places);
    expect(contentOf(staged)).toEqual(staged.old);
    expect(leftovers(staged)).toEqual([]);
  });
});

it('tells what is in the places, one probe each', async () => {
  const bench = setUpBench();
  await restore(bench);
  const { pgdata, tablespaces } = await engine.probe(bench.places);
  expect(pgdata).toMatchObject({
    pgVersion: '17',
    journalState: 'swapped',
    hasPrevious: true,
    usedSinceSwap: false,
    owner: { uid: 999, gid: 998 },
  });
  expect(pgdata.journalPlaces).toEqual(placesOf(bench));
  expect(tablespaces).toMatchObject([{ exists: true, empty: false, sample: ['PG_17_202406281'], hasPrevious: true }]);
});

it('has nothing to exchange without a journal', async () => {
  const bench = setUpBench();
  await expect(engine.swap(bench.places)).rejects.toMatchObject({ code: 'bug' });
  expect(contentOf(bench)).toEqual(bench.old);
});

describe('WAL that is fed', { timeout: 60_000 }, () => {
  const MIB = 2 ** 20;
  const spoolOf = ({ places }: Bench, ...names: string[]) => path.join(spoolDir(places.pgdata), ...names);
  const fedBench = (segments = 2) => {
    const bench = setUpBench();
    bench.job.recovery.spoolBytes = segments * MIB;
    return bench;
  };
  const feeding = (bench: Bench) => fs.readFileSync(spoolOf(bench, 'feeding'), 'utf8').trim();

  it('goes on over the exchange until the restore is finished, and is counted then', async () => {
    const bench = fedBench();
    const laidDown = await layDown(bench);
    expect(laidDown).toMatchObject({ files: 7, walSegments: 0 });
    const events: OdoEvent[] = [];
    const fed = engine.feed(bench.job, (event) => events.push(event), never);
    await engine.swap(bench.places);
    expect(autoConf(bench)).toContain('mv -f');
    for (const number of [1, 2]) {
      await vi.waitFor(() => expect(fs.existsSync(spoolOf(bench, segment(1, number)))).toBe(true), 50_000);
      fs.rmSync(spoolOf(bench, segment(1, number)));
    }
    await vi.waitFor(() => expect(fs.existsSync(spoolOf(bench, 'absent', segment(1, 4)))).toBe(true), 50_000);
    promote(bench);
    await engine.finish(finishOf(bench));
    expect(await fed).toMatchObject({ walSegments: 3, reusedSegments: 0 });
    expect(leftovers(bench)).toEqual([]);
    expect(autoConf(bench)).toBe("work_mem = '8MB'\n");
  });

  it('is proven before the exchange as far as the server begins with it', async () => {
    const bench = fedBench(8);
    fs.writeFileSync(
      path.join(bench.repository, `wals/0000000100000000/${segment(1, 3)}.gz`),
      Buffer.alloc(MIB, 'no gzip'),
    );
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(segment(1, 3)),
    });
    expect(contentOf(bench)).toEqual(bench.old);
    expect(feeding(bench)).toBe('failed');
    await engine.discard(bench.places);
    expect(leftovers(bench)).toEqual([]);
  });

  it('ends with a cancelled laying down, and what is whole is used again', async () => {
    const bench = fedBench(8);
    const { signal, report } = cancelAt('wal');
    await expect(layDown(bench, report, signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(feeding(bench)).toBe('failed');
    const there = fs.readdirSync(spoolOf(bench)).filter((name) => /^[0-9A-F]{24}$/.test(name));
    const kept = fs.readdirSync(spoolOf(bench, 'kept'));
    await layDown(bench);
    const fed = engine.feed(bench.job, silent, never);
    await engine.swap(bench.places);
    promote(bench);
    await engine.finish(finishOf(bench));
    expect(await fed).toMatchObject({ walSegments: 3, reusedSegments: there.length + kept.length });
  });

  it('is ended by a rollback, which leaves no trace', async () => {
    const bench = fedBench();
    await restore(bench);
    expect(feeding(bench)).toMatch(/^\d+$/);
    fs.writeFileSync(spoolOf(bench, 'wanted', segment(1, 1)), '');
    expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true });
    expect(contentOf(bench)).toEqual(bench.old);
    expect(leftovers(bench)).toEqual([]);
  });

  it.each([
    ['tells the server to stop when it is over for whoever follows it', undefined, /^failed$/],
    ['lets the server wait when whoever follows it is gone', HOST_GONE, /^\d+$/],
  ])('%s, and can be begun again by another', async (_what, reason, told) => {
    const bench = fedBench();
    await restore(bench);
    const gone = new AbortController();
    const followed = engine.feed(bench.job, silent, gone.signal);
    gone.abort(reason);
    await followed;
    expect(feeding(bench)).toMatch(told);

    const another = createDirectoryEngine();
    const fed = another.feed(bench.job, silent, never);
    fs.rmSync(spoolOf(bench, segment(1, 1)), { force: true });
    fs.writeFileSync(spoolOf(bench, 'wanted', segment(1, 1)), '');
    await vi.waitFor(() => expect(fs.existsSync(spoolOf(bench, segment(1, 1)))).toBe(true), 50_000);
    promote(bench);
    await another.finish(finishOf(bench));
    await fed;
    expect(leftovers(bench)).toEqual([]);
  });

  it('is not begun where nothing was restored', async () => {
    const bench = fedBench();
    await expect(engine.feed(bench.job, silent, never)).rejects.toMatchObject({ code: 'bug' });
  });
});
