import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OldDataSurvey } from '../../../../src/restore/contract/old-data-survey.ts';
import type { AskedOfOld } from '../../../../src/restore/contract/volume-status.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { findOnlyCopy, unjudgedOf } from '../../../../src/restore/volume/kept-old-data.ts';
import { adviceOn } from '../../../../src/restore/volume/status-advice.ts';
import type { Journal } from '../../../../src/tree/exchange/journal.ts';
import { previousDir } from '../../../../src/tree/places/place.ts';
import { jobWith } from '../../parts/job-with.ts';
import { type Bench, setUpBench } from '../../parts/restore-bench.ts';
import { journalOf, layDown, MAKE, promoted, restored, rewrite } from '../../parts/situations.ts';

const engine = createDirectoryEngine();
const BECAUSE = 'the old data holds 2 commits behind 0/5000000, where the archive ends';

beforeEach(() => {
  const spy = vi.spyOn(fs, 'fsyncSync').mockReturnValue();
  return () => spy.mockRestore();
});

async function finished(keptBecause?: string): Promise<Bench> {
  const bench = await promoted(setUpBench());
  const kept = keptBecause === undefined ? {} : { keptBecause };
  await engine.finish({ places: bench.places, keepPrevious: true, settings: 'remove', ...kept });
  return bench;
}

describe('old data that was kept as the only copy', () => {
  it('is told of as that by status and by the next restore', async () => {
    const bench = await finished(BECAUSE);
    const status = await engine.status(bench.places);
    expect(status).toMatchObject({ situation: 'used', keptBecause: BECAUSE });
    expect(status).not.toHaveProperty('oldDataUnjudged');
    expect(adviceOn(status)).toContain(`so that odo clean asks for --accept-loss: ${BECAUSE}`);
    const { pgdata } = await engine.probe(bench.places);
    expect(pgdata).toMatchObject({ keptBecause: BECAUSE });
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining(BECAUSE),
      hint: expect.stringContaining('odo clean --accept-loss removes it for good'),
    });
  });

  it('is removed by a clean-up only where that is said', async () => {
    const bench = await finished(BECAUSE);
    const previous = previousDir(bench.places.pgdata);
    await expect(engine.clean(bench.places)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: `${previous} is the only copy of something: ${BECAUSE}`,
      hint: expect.stringContaining('--accept-loss'),
    });
    expect(fs.existsSync(previous)).toBe(true);
    expect(await engine.clean(bench.places, { acceptLoss: true })).toMatchObject({ found: true });
    expect(fs.existsSync(previous)).toBe(false);
  });

  it('is no matter while a rollback has put it in place, and is again when that is undone', async () => {
    const bench = await finished(BECAUSE);
    await engine.rollback(bench.places);
    expect(await engine.status(bench.places)).not.toHaveProperty('keptBecause');
    await engine.rollback(bench.places);
    expect(await engine.status(bench.places)).toMatchObject({ keptBecause: BECAUSE });
    await expect(engine.clean(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
    await engine.rollback(bench.places);
    expect(await engine.clean(bench.places)).toMatchObject({ found: true });
  });

  it('is known from the beginning where the archive has gone another way, whoever ends the recovery', async () => {
    const bench = setUpBench();
    bench.job = jobWith(bench.job, { keptBecause: BECAUSE });
    await promoted(bench);
    expect(await engine.status(bench.places)).toMatchObject({ keptBecause: BECAUSE });
    await expect(engine.clean(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
  });

  it('is known from the exchange on where the restore leaves it out, whoever ends the recovery', async () => {
    const bench = setUpBench();
    await layDown(bench);
    await engine.swap(bench.places, { keptBecause: BECAUSE });
    fs.rmSync(path.join(bench.places.pgdata.root, 'recovery.signal'));
    expect(await engine.status(bench.places)).toMatchObject({ keptBecause: BECAUSE });
    await expect(engine.clean(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
  });

  it('is known from the moment on in which what took its place turns out to be wrong', async () => {
    const bench = await promoted(setUpBench());
    await engine.noteKept(bench.places, BECAUSE);
    await engine.noteKept(bench.places, 'a later reason');
    expect(await engine.status(bench.places)).toMatchObject({ keptBecause: BECAUSE });
    await expect(engine.clean(bench.places)).rejects.toMatchObject({ code: 'unsafeTarget' });
    await engine.clean(bench.places, { acceptLoss: true });
    await engine.noteKept(bench.places, BECAUSE);
    expect((await engine.status(bench.places)).keptBecause).toBeUndefined();
  });

  it('does not hold up a deletion that has begun', async () => {
    const bench = await finished(BECAUSE);
    rewrite(bench, { state: 'clearing' });
    expect(await engine.clean(bench.places)).toMatchObject({ found: true });
  });
});

describe('old data that --wipe is to delete', () => {
  it('is left alone while a server may run on it', async () => {
    const bench = setUpBench();
    const { root } = bench.places.pgdata;
    fs.writeFileSync(path.join(root, 'postmaster.pid'), '1\n');
    bench.job = jobWith(bench.job, { wipe: true });
    await expect(layDown(bench)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining(`a server may be running on ${root}`),
    });
    expect(fs.readdirSync(root)).toContain('PG_VERSION');
    fs.rmSync(path.join(root, 'postmaster.pid'));
    expect(await layDown(bench)).toMatchObject({ oldData: 'deleted' });
  });
});

describe('content that a rollback has exchanged', () => {
  const unjudged = async ({ places }: Bench) => (await engine.status(places)).oldDataUnjudged;

  it('is looked at anew, whatever was known or given up before: servers have run on both since', async () => {
    const bench = await finished();
    rewrite(bench, { allowDifferentCluster: true });
    expect(await unjudged(bench)).toBeUndefined();
    await engine.rollback(bench.places);
    expect(await unjudged(bench)).toBe('aside');
    await engine.rollback(bench.places);
    expect(await unjudged(bench)).toBe('all');
  });
});

describe('old data that nobody has looked at', () => {
  const unjudged = async ({ places }: Bench) => (await engine.status(places)).oldDataUnjudged;

  it('is that of a run broken off before its end, and of a standby that somebody else has promoted', async () => {
    expect(await unjudged(await MAKE.used())).toBe('all');
    const { awaitsPromotion: awaits } = journalOf(await MAKE.promoted());
    const standby = { awaitsPromotion: { ...awaits, isStandby: true } } as Parameters<typeof promoted>[1];
    expect(await unjudged(await promoted(setUpBench(), standby))).toBe('all');
  });

  it('is looked at for whose it is alone, where somebody has said what of it is to be left out', async () => {
    expect(await unjudged(await MAKE.promoted())).toBe('whose');
  });

  it('is not what somebody has given up, nor what is still needed or went', async () => {
    expect(await unjudged(await finished())).toBeUndefined();
    for (const make of [MAKE['used-alone'], MAKE.recovering, MAKE.clearing, MAKE.untouched])
      expect(await unjudged(await make())).toBeUndefined();
    const awaits = { target: 'rp1', isStandby: true, acceptLoss: true, keepPrevious: false };
    const standby = { awaitsPromotion: { ...awaits, ownWordOnArchiving: false, keepArchiving: false } };
    expect(await unjudged(await promoted(setUpBench(), { ...standby, allowDifferentCluster: true }))).toBeUndefined();
    expect(await unjudged(await restored(setUpBench(), standby))).toBeUndefined();
  });
});

describe('old data, after a restore', () => {
  const look = (survey: () => Promise<OldDataSurvey | undefined>, asked: AskedOfOld | undefined = 'all') =>
    findOnlyCopy({ surveyOld: survey }, { pgdata: { root: '/d', odoDir: '/d/.odo' }, tablespaces: [] }, asked);

  it('is the only copy where it has more than the restored server', async () => {
    const beyond = { commits: 2, prepared: 0, endLsn: '0/7000100', isWhole: true, because: 'nothing was written' };
    const survey = { systemIdentifier: '7', holdsObjects: true, timeline: 1, fromLsn: '0/5000000', beyond };
    expect(await look(async () => survey)).toEqual({ because: BECAUSE, commits: 2 });
    expect(await look(async () => ({ ...survey, beyond: { ...beyond, commits: 0 } }))).toBeUndefined();
    expect(await look(async () => undefined)).toBeUndefined();
  });

  it('is asked whose it is alone, where what it has is left out as its cluster’s own', async () => {
    const survey = { systemIdentifier: '7', holdsObjects: true, timeline: 3 };
    const anothers = { ...survey, isOfAnother: true as const };
    expect(await look(async () => survey, 'whose')).toBeUndefined();
    expect(await look(async () => anothers, 'whose')).toMatchObject({ isOfAnother: true });
    expect(await look(async () => ({ ...anothers, holdsObjects: false }), 'whose')).toBeUndefined();
  });

  it('is not asked whose it is where another cluster’s has been given up', async () => {
    const survey = { systemIdentifier: '7', holdsObjects: true, timeline: 3 };
    expect(await look(async () => ({ ...survey, isOfAnother: true }), 'own')).toBeUndefined();
    expect(await look(async () => survey, 'own')).toMatchObject({ because: expect.stringContaining('on timeline 3') });
    const mute = { surveyOld: () => Promise.reject(new Error('it is not to be asked')) };
    expect(
      await findOnlyCopy(mute, { pgdata: { root: '/d', odoDir: '/d/.odo' }, tablespaces: [] }, undefined),
    ).toBeUndefined();
  });

  it('is asked what was not given up with the restore, when that is ended by others', () => {
    const journal = (more: Partial<Journal>): Journal => ({
      ...{ version: 1, state: 'swapped', backupId: 'b', startedAt: '', places: [] },
      ...more,
    });
    const awaitsPromotion = { target: 'rp1', keepPrevious: false, ownWordOnArchiving: false, keepArchiving: false };
    const standby = { ...awaitsPromotion, isStandby: true };
    const asked = (more: Partial<Journal>) => unjudgedOf('used', journal(more));
    expect([asked({}), asked({ awaitsPromotion }), asked({ awaitsPromotion: standby })]).toEqual([
      'all',
      'whose',
      'all',
    ]);
    expect(asked({ awaitsPromotion: { ...standby, acceptLoss: true } })).toBe('whose');
    const allowDifferentCluster = true;
    expect(asked({ allowDifferentCluster })).toBe('own');
    expect(asked({ allowDifferentCluster, awaitsPromotion })).toBeUndefined();
  });

  it('is not deleted when it cannot be looked at', async () => {
    const unread = await look(async () => {
      throw new OdoError('writeFailed', 'input/output error');
    });
    expect(unread).toEqual({ because: expect.stringContaining('input/output error'), isUnread: true });
  });
});
