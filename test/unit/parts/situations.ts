import fs from 'node:fs';
import path from 'node:path';
import { createDirectoryEngine } from '../../../src/restore/engine/directory-engine.ts';
import { type Journal, type JournalState, readJournal, writeJournal } from '../../../src/tree/exchange/journal.ts';
import type { Situation } from '../../../src/tree/exchange/situation.ts';
import { incomingDir, type Place, previousDir } from '../../../src/tree/places/place.ts';
import { type Bench, contentOf, setUpBench } from './restore-bench.ts';
import { plantTree } from './tree-snapshot.ts';

const engine = createDirectoryEngine();

export const layDown = (bench: Bench) => engine.layDown(bench.job, () => undefined, new AbortController().signal);

export const placesOf = ({ places }: Bench): Place[] => [
  places.pgdata,
  ...places.tablespaces.map(({ place }) => place),
];

export const journalOf = ({ places }: Bench): Journal => readJournal(places.pgdata.odoDir) as Journal;

export function rewrite(bench: Bench, changes: Partial<Journal>): void {
  writeJournal(bench.places.pgdata.odoDir, { ...journalOf(bench), ...changes });
}

/** Without any data before. */
export function emptyBench(): Bench {
  const bench = setUpBench();
  for (const { root } of placesOf(bench)) {
    for (const name of fs.readdirSync(root)) fs.rmSync(path.join(root, name), { recursive: true });
  }
  bench.old = contentOf(bench);
  return bench;
}

export async function restored(bench: Bench, changes: Partial<Journal> = {}): Promise<Bench> {
  await layDown(bench);
  await engine.swap(bench.places);
  rewrite(bench, changes);
  return bench;
}

/** What a server does at the end of its recovery. */
export async function promoted(bench: Bench, changes: Partial<Journal> = {}): Promise<Bench> {
  await restored(bench, changes);
  fs.rmSync(path.join(bench.places.pgdata.root, 'recovery.signal'));
  return bench;
}

async function laidDown(bench: Bench, changes: Partial<Journal> = {}): Promise<Bench> {
  await layDown(bench);
  rewrite(bench, changes);
  return bench;
}

/** An exchange that stopped just before its first rename, or after its last. */
async function exchanging(bench: Bench, state: JournalState): Promise<Bench> {
  if (state === 'moving-out') await layDown(bench);
  else await restored(bench);
  rewrite(bench, { state });
  return bench;
}

const WAITS = {
  awaitsPromotion: { target: 'rp1', keepPrevious: false, ownWordOnArchiving: false, keepArchiving: false },
};

/** Puts a volume into each of the situations that there are, as commands and their ends leave it. */
export const MAKE: Readonly<Record<Situation, () => Promise<Bench>>> = {
  untouched: async () => setUpBench(),
  async leftovers() {
    const bench = setUpBench();
    plantTree(incomingDir(bench.places.pgdata), { 'base/5/1259': 'half of it' });
    return bench;
  },
  async unexplained() {
    const bench = setUpBench();
    plantTree(previousDir(bench.places.pgdata), { PG_VERSION: '14\n' });
    return bench;
  },
  interrupted: () => laidDown(setUpBench(), { state: 'laying-down' }),
  'interrupted-vacant': () => laidDown(emptyBench(), { state: 'laying-down' }),
  discarding: () => laidDown(setUpBench(), { state: 'laying-down', discarding: true, fingerprint: '' }),
  exchanging: () => exchanging(setUpBench(), 'moving-in'),
  'exchanging-alone': () => exchanging(emptyBench(), 'moving-in'),
  async 'setting-aside'() {
    const bench = await promoted(setUpBench());
    rewrite(bench, { state: 'moving-back', settingAside: true, finished: { at: '2026-01-01T00:00:00Z' } });
    return bench;
  },
  waiting: () => restored(setUpBench(), WAITS),
  'waiting-alone': () => restored(emptyBench(), WAITS),
  recovering: () => restored(setUpBench()),
  'recovering-alone': () => restored(emptyBench()),
  promoted: () => promoted(setUpBench(), WAITS),
  'promoted-alone': () => promoted(emptyBench(), WAITS),
  used: () => promoted(setUpBench()),
  'used-alone': () => promoted(emptyBench()),
  async 'set-aside'() {
    const bench = await promoted(setUpBench());
    await engine.rollback(bench.places);
    return bench;
  },
  clearing: () => promoted(setUpBench(), { state: 'clearing' }),
};

/** What an interrupted exchange is, once it has been brought to its end. */
export const SETTLES_TO: Partial<Record<Situation, Situation>> = {
  exchanging: 'recovering',
  'exchanging-alone': 'recovering-alone',
  'setting-aside': 'set-aside',
};
