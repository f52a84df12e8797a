import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { LayDownJob } from '../../../../src/restore/contract/lay-down-job.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { forOwnRun } from '../../../../src/restore/volume/own-run.ts';
import { readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { incomingDir, previousDir, spoolDir } from '../../../../src/tree/places/place.ts';
import { type JobFields, jobWith } from '../../parts/job-with.ts';
import { type Bench, contentOf, setUpBench } from '../../parts/restore-bench.ts';
import { layDown, promoted, restored } from '../../parts/situations.ts';

const never = new AbortController().signal;
const silent = () => undefined;
const TAKEN_OVER = { code: 'unsafeTarget', message: expect.stringContaining('another odo has taken over') };

// Nothing here is about a loss of power.
beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

/** One restore of a backup, which is the same for all but for its settings. */
interface Run {
  engine: Engine;
  job: LayDownJob;
}

function runOf(bench: Bench, name: string, more: JobFields = {}): Run {
  const job = jobWith(bench.job, { settings: [['cluster_name', name]], ...more });
  return { engine: createDirectoryEngine(), job: { ...job, places: forOwnRun(bench.places) } };
}

const begin = ({ engine, job }: Run) => engine.layDown(job, silent, never);
const end = ({ engine, job }: Run) => engine.finish({ places: job.places, keepPrevious: false, settings: 'remove' });
const autoConf = (directory: string) => fs.readFileSync(path.join(directory, 'postgresql.auto.conf'), 'utf8');
const rootOf = ({ places }: Bench) => places.pgdata.root;

/** What every later step of a run does that another has overtaken. */
async function expectAllRefused({ engine, job }: Run): Promise<void> {
  const { places } = job;
  await expect(engine.swap(places)).rejects.toMatchObject(TAKEN_OVER);
  await expect(engine.takeBack(places)).rejects.toMatchObject(TAKEN_OVER);
  await expect(engine.discard(places)).rejects.toMatchObject(TAKEN_OVER);
  await expect(end({ engine, job })).rejects.toMatchObject(TAKEN_OVER);
  const drop = { do: 'drop', name: 'port', was: '5432', why: 'it is taken' } as const;
  await expect(engine.amend(places, [drop], job.owner)).rejects.toMatchObject(TAKEN_OVER);
  await expect(engine.feed(jobWith(job, { spoolBytes: 2 ** 21 }), silent, never)).rejects.toMatchObject(TAKEN_OVER);
}

describe('a run that another has overtaken', () => {
  it('between its laying down and its exchange leaves alone what the other has staged', async () => {
    const bench = setUpBench();
    const [first, second] = [runOf(bench, 'first'), runOf(bench, 'second')];
    await begin(first);
    await begin(second);
    const incoming = incomingDir(bench.places.pgdata);
    const staged = fs.readFileSync(path.join(incoming, 'postgresql.conf'), 'utf8');
    await expectAllRefused(first);
    expect(contentOf(bench)).toEqual(bench.old);
    expect(fs.readFileSync(path.join(incoming, 'postgresql.conf'), 'utf8')).toBe(staged);
    await second.engine.swap(second.job.places);
    expect(autoConf(rootOf(bench))).toContain('second');
    fs.rmSync(path.join(rootOf(bench), 'recovery.signal'));
    await end(second);
    expect(fs.existsSync(bench.places.pgdata.odoDir)).toBe(false);
  });

  it('and that has exchanged by then keeps its way back', async () => {
    const bench = setUpBench();
    const [first, second] = [runOf(bench, 'first'), runOf(bench, 'second')];
    await begin(first);
    await begin(second);
    await second.engine.swap(second.job.places);
    await expectAllRefused(first);
    expect(readJournal(bench.places.pgdata.odoDir)?.state).toBe('swapped');
    expect(fs.readFileSync(path.join(previousDir(bench.places.pgdata), 'base/5/1259'), 'utf8')).toBe('old');
    expect(await second.engine.takeBack(second.job.places)).toBe(false);
    expect(contentOf(bench)).toEqual(bench.old);
  });

  it('by the same command, which goes on from what the first laid down, is not the one that exchanges it', async () => {
    const bench = setUpBench();
    const [first, second] = [runOf(bench, 'same'), runOf(bench, 'same')];
    await begin(first);
    expect(await begin(second)).toMatchObject({ reusedParts: 2 });
    await expectAllRefused(first);
    await second.engine.swap(second.job.places);
    expect(readJournal(bench.places.pgdata.odoDir)).toMatchObject({ state: 'swapped', runId: second.job.places.runId });
  });

  it('stops feeding the spool, which is the other’s by then', { timeout: 30_000 }, async () => {
    const bench = setUpBench();
    const first = runOf(bench, 'first', { spoolBytes: 2 ** 21 });
    await begin(first);
    const fed = first.engine.feed(first.job, silent, never);
    fed.catch(() => undefined);
    await begin(runOf(bench, 'second'));
    await expect(fed).rejects.toMatchObject(TAKEN_OVER);
    expect(fs.existsSync(path.join(spoolDir(bench.places.pgdata), 'complete'))).toBe(true);
  });

  it('has nothing to exchange where somebody has cleaned up meanwhile', async () => {
    const bench = setUpBench();
    const first = runOf(bench, 'first');
    await begin(first);
    await createDirectoryEngine().clean(bench.places);
    await expect(first.engine.swap(first.job.places)).rejects.toMatchObject(TAKEN_OVER);
    expect(await first.engine.takeBack(first.job.places)).toBe(false);
    await first.engine.discard(first.job.places);
    expect(contentOf(bench)).toEqual(bench.old);
  });
});

it('what was exchanged is not exchanged again, whoever asks', async () => {
  const bench = await restored(setUpBench());
  const before = contentOf(bench);
  await expect(createDirectoryEngine().swap(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
  expect(contentOf(bench)).toEqual(before);
  expect(readJournal(bench.places.pgdata.odoDir)?.state).toBe('swapped');
});

it('a run that ends twice has ended, since its container may die before it can say so', async () => {
  const bench = setUpBench();
  const run = runOf(bench, 'only');
  await begin(run);
  await run.engine.swap(run.job.places);
  fs.rmSync(path.join(rootOf(bench), 'recovery.signal'));
  await end(run);
  expect(await end(run)).toEqual({ leftSettings: [] });
});

it('commands that look after any run’s work do so whoever has staged it', async () => {
  const engine = createDirectoryEngine();
  const bench = setUpBench();
  const run = runOf(bench, 'gone');
  await begin(run);
  await run.engine.swap(run.job.places);
  expect(await engine.rollback(bench.places)).toMatchObject({ rolledBack: true });
  await begin(run);
  await run.engine.swap(run.job.places);
  fs.rmSync(path.join(rootOf(bench), 'recovery.signal'));
  await engine.finish({ places: bench.places, keepPrevious: false, settings: 'remove' });
  expect(fs.existsSync(bench.places.pgdata.odoDir)).toBe(false);
});

it('what an older ODO has staged, which names no run, is gone on from, and is its next run’s own', async () => {
  const bench = setUpBench();
  await layDown(bench);
  const { odoDir } = bench.places.pgdata;
  expect(readJournal(odoDir)?.runId).toBeUndefined();
  const run = { engine: createDirectoryEngine(), job: { ...bench.job, places: forOwnRun(bench.places) } };
  expect(await begin(run)).toMatchObject({ reusedParts: 2 });
  await run.engine.swap(run.job.places);
  const { runId: _unknown, ...older } = readJournal(odoDir) ?? expect.fail('there is no journal');
  writeJournal(odoDir, older);
  expect(await createDirectoryEngine().rollback(bench.places)).toMatchObject({ rolledBack: true });
  expect(contentOf(bench)).toEqual(bench.old);
});

describe('a finish of what is not finished', () => {
  it('leaves the old data where the restored server is to recover yet', async () => {
    const bench = await restored(setUpBench());
    const finishing = createDirectoryEngine().finish({ places: bench.places, keepPrevious: false, settings: 'remove' });
    await expect(finishing).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining('recovery'),
    });
    expect(fs.readFileSync(path.join(previousDir(bench.places.pgdata), 'base/5/1259'), 'utf8')).toBe('old');
    expect(autoConf(rootOf(bench))).toContain('restore_command');
  });

  it('leaves what was restored where somebody has gone back', async () => {
    const bench = await promoted(setUpBench());
    const engine = createDirectoryEngine();
    await engine.rollback(bench.places);
    const finishing = engine.finish({ places: bench.places, keepPrevious: false, settings: 'remove' });
    await expect(finishing).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(contentOf(bench)).toEqual(bench.old);
    expect(fs.readFileSync(path.join(previousDir(bench.places.pgdata), 'base/5/1259'), 'utf8')).toBe('pg_class');
  });
});
