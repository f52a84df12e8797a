import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, test, vi } from 'vitest';
import { type Journal, type JournalState, readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { settleSwap, swap, swapBack } from '../../../../src/tree/exchange/swap.ts';
import { incomingDir, type Place, previousDir } from '../../../../src/tree/places/place.ts';
import { crashesAt } from '../../parts/crash.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree, type TreeSnapshot } from '../../parts/tree-snapshot.ts';

const FIXED = ['.odo', 'lost+found'];

type Layout = (volume: string) => Place[];

const LAYOUTS: Record<string, Layout> = {
  'PGDATA is the root of the volume': (volume) => [{ root: volume, odoDir: path.join(volume, '.odo') }],
  'PGDATA lies below the root': (volume) => [
    { root: path.join(volume, '18/docker'), odoDir: path.join(volume, '.odo') },
  ],
  'there is a tablespace': (volume) => [
    { root: path.join(volume, 'data'), odoDir: path.join(volume, '.odo') },
    { root: path.join(volume, 'fast'), odoDir: path.join(volume, 'fast/.odo') },
  ],
};

// A process that dies loses nothing of what it gave to the kernel, so there is no need to wait for the disk.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

interface Bench {
  odoDir: string;
  places: Place[];
  old: TreeSnapshot[];
  fresh: TreeSnapshot[];
}

/** Old content in the places and new content in `incoming`, of other owners, modes and names. */
function stage(layout: Layout): Bench {
  const volume = scratchDirectory();
  const places = layout(volume);
  for (const [index, place] of places.entries()) {
    const isData = index === 0;
    plantTree(
      place.root,
      isData
        ? { PG_VERSION: '15', 'global/pg_control': 'old', 'base/1': 'old', 'only-old': '' }
        : { 'PG_15/1/7': 'old' },
    );
    plantTree(
      incomingDir(place),
      isData
        ? {
            PG_VERSION: '17',
            'global/pg_control': 'new',
            'base/1': 'new',
            'pg_tblspc/7': '-> /elsewhere',
            'only-new': '',
          }
        : { 'PG_17/1/7': 'new', 'PG_17/1/8': 'new' },
    );
    fs.chmodSync(place.root, 0o700);
    fs.chownSync(place.root, 999, 998);
    fs.chmodSync(incomingDir(place), 0o750);
    fs.chownSync(incomingDir(place), 70, 71);
  }
  if (places[0]?.root === volume) fs.mkdirSync(path.join(volume, 'lost+found'));
  const odoDir = places[0]?.odoDir ?? '';
  const journal: Journal = { version: 1, state: 'staged', backupId: 'b', startedAt: '2026-01-01T00:00:00Z', places };
  writeJournal(odoDir, journal);
  return { odoDir, places, old: contentOf(places), fresh: places.map((place) => snapshotTree(incomingDir(place))) };
}

function contentOf(places: readonly Place[]): TreeSnapshot[] {
  return places.map((place) => snapshotTree(place.root, FIXED));
}

/** As the next run finds it: what is on disk, and nothing else. */
function journalOf({ odoDir }: Bench): Journal {
  const journal = readJournal(odoDir);
  if (!journal) throw new Error('the journal is gone');
  return journal;
}

function expectDefinite(bench: Bench): JournalState {
  const { state } = journalOf(bench);
  if (state === 'staged') {
    expect(contentOf(bench.places)).toEqual(bench.old);
    expect(bench.places.map((place) => snapshotTree(incomingDir(place)))).toEqual(bench.fresh);
  } else {
    expect(state).toBe('swapped');
    expect(contentOf(bench.places)).toEqual(bench.fresh);
    expect(bench.places.map((place) => snapshotTree(previousDir(place)))).toEqual(bench.old);
  }
  return state;
}

/** A server starts on whatever has pg_control, so that must never be there beside a mixture, in whichever place. */
function expectNoHalfStartable({ places, old, fresh }: Bench): void {
  if (!fs.existsSync(path.join(places[0]?.root ?? '', 'global'))) return;
  const withoutRoot = (all: TreeSnapshot[]) => all.map(({ '.': _root, ...rest }) => rest);
  const content = withoutRoot(contentOf(places));
  expect([withoutRoot(old), withoutRoot(fresh)]).toContainEqual(content);
}

/** Tries a crash at every step until the action gets through. Gives the states that the crashes were settled to. */
function crashEverywhere(
  make: () => Bench,
  action: (bench: Bench) => void,
  after: (bench: Bench) => void,
): Set<JournalState> {
  const outcomes = new Set<JournalState>();
  for (let n = 1; ; n++) {
    const bench = make();
    const crashed = crashesAt(n, () => action(bench));
    expectNoHalfStartable(bench);
    after(bench);
    outcomes.add(expectDefinite(bench));
    if (!crashed) return outcomes;
  }
}

function settle(bench: Bench): void {
  settleSwap(bench.odoDir, journalOf(bench));
}

function stageSwapped(layout: Layout): Bench {
  const bench = stage(layout);
  swap(bench.odoDir, journalOf(bench));
  return bench;
}

describe.each(Object.entries(LAYOUTS))('when %s', (_name, layout) => {
  it('exchanges content, modes and owners, and back again', () => {
    const bench = stageSwapped(layout);
    expect(expectDefinite(bench)).toBe('swapped');
    expect(bench.places.filter((place) => fs.existsSync(incomingDir(place)))).toEqual([]);
    swapBack(bench.odoDir, journalOf(bench));
    expect(expectDefinite(bench)).toBe('staged');
  });

  it('settles a swap that died at any step to wholly old or wholly new', () => {
    const outcomes = crashEverywhere(
      () => stage(layout),
      (bench) => swap(bench.odoDir, journalOf(bench)),
      settle,
    );
    expect([...outcomes].sort()).toEqual(['staged', 'swapped']);
  });

  it('settles a rollback that died at any step to wholly old or wholly new', () => {
    const outcomes = crashEverywhere(
      () => stageSwapped(layout),
      (bench) => swapBack(bench.odoDir, journalOf(bench)),
      settle,
    );
    expect([...outcomes].sort()).toEqual(['staged', 'swapped']);
  });
});

test.each(['swap', 'rollback'])('settling after a %s may itself die at any step', (kind) => {
  const layout = LAYOUTS['there is a tablespace'] as Layout;
  const make = () => (kind === 'swap' ? stage(layout) : stageSwapped(layout));
  const act = (bench: Bench) => (kind === 'swap' ? swap : swapBack)(bench.odoDir, journalOf(bench));
  for (let n = 3; crashesAt(n, act.bind(undefined, make())); n += 12) {
    for (let m = 1; ; m++) {
      const bench = make();
      crashesAt(n, () => act(bench));
      const crashedAgain = crashesAt(m, () => settle(bench));
      expectNoHalfStartable(bench);
      settle(bench);
      expectDefinite(bench);
      if (!crashedAgain) break;
    }
  }
});

test('a place that was empty or not there gets the new content, and loses it again in a rollback', () => {
  const bench = stage(LAYOUTS['there is a tablespace'] as Layout);
  const [data, fast] = bench.places as [Place, Place];
  fs.rmSync(data.root, { recursive: true });
  fs.mkdirSync(data.root);
  fs.rmSync(path.join(fast.root, 'PG_15'), { recursive: true });
  swap(bench.odoDir, journalOf(bench));
  expect(contentOf(bench.places)).toEqual(bench.fresh);
  swapBack(bench.odoDir, journalOf(bench));
  expect(fs.readdirSync(data.root)).toEqual([]);
  expect(fs.readdirSync(fast.root)).toEqual(['.odo']);
});

test("the volume's own lost+found stays where it is", () => {
  const bench = stageSwapped(LAYOUTS['PGDATA is the root of the volume'] as Layout);
  const place = bench.places[0] as Place;
  expect(fs.existsSync(path.join(place.root, 'lost+found'))).toBe(true);
  expect(fs.readdirSync(previousDir(place))).not.toContain('lost+found');
});

test('what somebody put in place in the middle of an exchange is never overwritten', () => {
  const bench = stage(LAYOUTS['PGDATA lies below the root'] as Layout);
  const place = bench.places[0] as Place;
  writeJournal(bench.odoDir, { ...journalOf(bench), state: 'moving-out' });
  fs.mkdirSync(previousDir(place));
  fs.renameSync(path.join(place.root, 'global'), path.join(previousDir(place), 'global'));
  plantTree(place.root, { 'global/pg_control': 'of an initdb in between' });
  expect(() => settle(bench)).toThrow(
    expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining('global') }),
  );
  expect(fs.readFileSync(path.join(place.root, 'global/pg_control'), 'utf8')).toBe('of an initdb in between');
  expect(fs.readFileSync(path.join(previousDir(place), 'global/pg_control'), 'utf8')).toBe('old');
});

test('older content that nobody accounts for is not mixed with what moves out', () => {
  const bench = stage(LAYOUTS['there is a tablespace'] as Layout);
  plantTree(previousDir(bench.places[1] as Place), { forgotten: 'precious' });
  expect(() => swap(bench.odoDir, journalOf(bench))).toThrow(expect.objectContaining({ code: 'unsafeTarget' }));
  expect(journalOf(bench).state).toBe('staged');
  expect(contentOf(bench.places)).toEqual(bench.old);
});

test('the journal is never ahead of the disk: what was moved is synced on both sides before the next state', () => {
  const bench = stage(LAYOUTS['there is a tablespace'] as Layout);
  const unsynced = new Set<string>();
  const { renameSync } = fs;
  const tooEarly: string[] = [];
  const sync = vi
    .spyOn(fs, 'fsyncSync')
    .mockImplementation((fd) => void unsynced.delete(fs.readlinkSync(`/proc/self/fd/${fd}`)));
  const rename = vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    if (String(to).endsWith('journal.json')) tooEarly.push(...unsynced);
    else for (const file of [from, to]) unsynced.add(path.dirname(String(file)));
    renameSync(from, to);
  });
  swap(bench.odoDir, journalOf(bench));
  swapBack(bench.odoDir, journalOf(bench));
  for (const spy of [sync, rename]) spy.mockRestore();
  expect(tooEarly).toEqual([]);
  expect(unsynced).toEqual(new Set());
});

test('only what is staged can be swapped', () => {
  const bench = stage(LAYOUTS['PGDATA lies below the root'] as Layout);
  const journal = { ...journalOf(bench), state: 'laying-down' as const };
  expect(() => swap(bench.odoDir, journal)).toThrow(expect.objectContaining({ code: 'bug' }));
  expect(contentOf(bench.places)).toEqual(bench.old);
});

test('a rollback leaves alone what was never swapped', () => {
  const bench = stage(LAYOUTS['PGDATA lies below the root'] as Layout);
  swapBack(bench.odoDir, journalOf(bench));
  expect(expectDefinite(bench)).toBe('staged');
});
