import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { openWalArchive } from '../../../../src/formats/registry/registry.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { OldDataQuestion, OldDataSurvey } from '../../../../src/restore/contract/old-data-survey.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import type { RestoreRequest } from '../../../../src/restore/contract/request.ts';
import { archivedEnds } from '../../../../src/restore/proofs/archived-ends.ts';
import {
  findLeftOut,
  type OldDataLook,
  proveOldData,
  withRoomForSalvage,
} from '../../../../src/restore/proofs/prove-old-data.ts';
import type { RestoreSource } from '../../../../src/restore/proofs/prove-repository.ts';
import { openStore } from '../../../../src/store/kinds/open.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';
import { withoutUndefined } from '../../../../src/without-undefined.ts';
import { segment } from '../../parts/named-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const wal: WalPlan = {
  source: 'archive',
  spans: [{ timeline: 1, firstSegment: '000000010000000000000002' }],
  segmentSizeBytes: 16 << 20,
  recoveryTargetTimeline: 'latest',
  histories: [],
  segments: 3,
  storedBytes: 1,
  endSegment: '000000010000000000000004',
};
const places = {} as ClusterPlaces;
const LOST: OldDataSurvey = {
  systemIdentifier: '7',
  holdsObjects: true,
  timeline: 1,
  fromLsn: '0/5000000',
  beyond: { commits: 2, prepared: 0, endLsn: '0/7000100', isWhole: true, because: 'nothing was written' },
};
const WISH = { wipe: false, allowDifferentCluster: false, acceptLoss: false, salvage: false };

function prove(
  wish: Partial<typeof WISH & { moment: RestoreRequest['moment'] | undefined }>,
  more: { survey?: OldDataSurvey | Error; isInUse?: boolean; url?: string; included?: boolean } = {},
) {
  const { asked, look, words } = lookAt(wish, more);
  return proveOldData(look, words).then((finding) => ({ ...finding, asked }));
}

function lookAt(...[wish, more = {}]: Parameters<typeof prove>) {
  const asked: OldDataQuestion[] = [];
  const engine: Pick<Engine, 'surveyOld'> = {
    async surveyOld(_target, question) {
      asked.push(question);
      if (more.survey instanceof Error) throw more.survey;
      return more.survey ?? LOST;
    },
  };
  const source = {
    backup: {
      systemIdentifier: '7',
      timeline: 1,
      beginWal: segment(1, 2),
      endWal: segment(1, 2),
      endLsn: '0/2000100',
    },
    wal: more.included ? { source: 'included' } : wal,
    repository: { ref: { format: 'barman', root: '' } },
  };
  const signal = new AbortController().signal;
  const look: OldDataLook = {
    engine,
    places,
    source: source as unknown as RestoreSource,
    isInUse: more.isInUse ?? false,
    signal,
  };
  const words = { ...WISH, ...withoutUndefined(wish), store: { url: more.url ?? scratchDirectory() } };
  return { asked, look, words };
}

describe('old data, before a restore', () => {
  it('is kept where it is the only copy, and --wipe is refused', async () => {
    const { state, evidence, asked } = await prove({});
    expect([state, evidence]).toEqual([
      'warning',
      expect.stringMatching(/holds 2 commits behind 0\/5000000.*so it is kept/),
    ]);
    expect(asked).toMatchObject([{ isReplaced: false, accounted: [{ timeline: 1, lsn: '0/5000000' }] }]);
    await expect(prove({ wipe: true })).rejects.toMatchObject({
      code: 'unsafeTarget',
      hint: expect.stringContaining('--accept-loss'),
    });
    expect((await prove({ wipe: true, acceptLoss: true })).evidence).toContain('it goes all the same');
  });

  it('is not judged to the end while its server runs, which may archive the rest when it stops', async () => {
    expect((await prove({ wipe: true }, { isInUse: true })).state).toBe('warning');
  });

  it('gives what the archive lacks to the restore, unless that is not wanted or is on another timeline', async () => {
    expect(await prove({ salvage: true, wipe: true })).toMatchObject({ value: { salvage: { commits: 2 } } });
    expect((await prove({ salvage: true }, { survey: { ...LOST, timeline: 2 } })).value).toMatchObject({
      onlyCopy: {},
    });
  });

  it('is kept, and not deleted, where nothing can be told of it', async () => {
    const survey = new OdoError('dataCorrupt', '/data/global/pg_control cannot be read');
    const { state, evidence } = await prove({ salvage: true }, { survey });
    expect([state, evidence]).toEqual([
      'warning',
      'the old data could not be looked at: /data/global/pg_control cannot be read; so it is kept',
    ]);
    await expect(prove({ wipe: true }, { survey })).rejects.toMatchObject({ code: 'unsafeTarget' });
    for (const words of [{ acceptLoss: true }, { allowDifferentCluster: true }])
      await prove({ wipe: true, ...words }, { survey });
    const cancelled = new OdoError('cancelled', 'cancelled');
    await expect(prove({}, { survey: cancelled })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it.each([
    ['to the end', undefined],
    ['to a moment', { stop: { kind: 'immediate' } }],
  ])('is kept where it is of another cluster, for a restore %s', async (_what, given) => {
    const moment = given as unknown as RestoreRequest['moment'];
    const survey = { ...LOST, systemIdentifier: '8' };
    const { state, evidence, value, asked } = await prove({ moment, salvage: true }, { survey, isInUse: true });
    expect([state, evidence]).toEqual(['warning', expect.stringMatching(/of another cluster \(8\).*; so it is kept/)]);
    expect(value).toMatchObject({ onlyCopy: { isOfAnother: true } });
    expect(asked).toMatchObject([{ accounted: [{ timeline: 1 }] }]);
    expect((await prove({ moment }, { survey: { ...survey, holdsObjects: false } })).value).toEqual({});
    const allowed = await prove({ moment, allowDifferentCluster: true }, { survey });
    expect([allowed.value, allowed.evidence]).toEqual([
      {},
      expect.stringMatching(/goes all the same \(--allow-different-cluster\)$/),
    ]);
    expect((await prove({ moment, acceptLoss: true }, { survey })).evidence).toContain('so it is kept');
    expect(await prove({ moment, wipe: true }, { survey })).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/one$/),
    });
  });

  it('is kept where it cannot be looked at, also for a restore to a moment', async () => {
    const moment = { stop: { kind: 'immediate' } } as unknown as RestoreRequest['moment'];
    const survey = new OdoError('dataCorrupt', '/data/global/pg_control cannot be read');
    expect((await prove({ moment }, { survey })).value).toMatchObject({ onlyCopy: { isUnread: true } });
    await expect(prove({ moment, wipe: true }, { survey })).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect((await prove({ moment, wipe: true, allowDifferentCluster: true }, { survey })).value).toEqual({});
  });

  describe('where the restore leaves later commits out', () => {
    const moment = { stop: { kind: 'immediate' } } as unknown as RestoreRequest['moment'];
    const none = {
      ...LOST,
      beyond: { commits: 0, prepared: 0, endLsn: '0/5000000', isWhole: true, because: 'nothing' },
    };

    it.each([
      ['a moment', { moment }, {}],
      ['a backup without an archive', {}, { included: true }],
    ])('is kept for what nothing else has: %s', async (_what, wish, more) => {
      expect((await prove(wish, more)).evidence).toMatch(/holds 2 commits.*; so it is kept$/);
      expect((await prove({ ...wish, acceptLoss: true }, more)).evidence).toContain('it goes all the same');
      await expect(prove({ ...wish, wipe: true }, more)).rejects.toMatchObject({ code: 'unsafeTarget' });
      expect((await prove(wish, { ...more, survey: none })).evidence).toMatch(/^it has nothing that/);
    });

    it.each([
      ['up to a hole', ['02', '03', '04', '05', '06', '08'], [], { 1: '0/7000000' }],
      ['on a timeline that leads on', ['02', '03', '04', '05'], ['05', '06'], { 1: '0/6000000', 2: '0/7000000' }],
      ['not beyond a hole before the branch', ['02', '03', '05'], ['05', '06'], { 1: '0/4000000' }],
      ['not where a branch has lost its beginning', ['02', '03', '04', '05'], ['06', '07'], { 1: '0/6000000' }],
    ])('counts what the archive has behind the moment as to be had again: %s', async (_what, own, branch, ends) => {
      const url = scratchDirectory();
      for (const [timeline, numbers] of Object.entries({ 1: own, 2: branch })) {
        const folder = path.join(url, `wals/0000000${timeline}00000000`);
        fs.mkdirSync(folder, { recursive: true });
        for (const number of numbers)
          fs.writeFileSync(path.join(folder, `0000000${timeline}00000000000000${number}`), 'x');
      }
      if (branch.length > 0) fs.writeFileSync(path.join(url, 'wals/00000002.history'), '1\t0/5800000\tno target\n');
      const { look } = lookAt({ moment }, { url });
      const { store } = openStore({ url });
      const archive = await openWalArchive(store, look.source.repository.ref);
      if (!archive) throw new Error('there is no archive');
      const found = await archivedEnds(store, archive, look.source.backup, look.signal);
      expect(Object.fromEntries(found.map(({ timeline, lsn }) => [timeline, lsn]))).toEqual(ends);
      const { asked } = await prove({ moment }, { url });
      expect(asked[0]?.accounted).toEqual(expect.arrayContaining(found));
    });

    it('waits for what the server archives when it stops, unless there is no archive', async () => {
      expect((await prove({ moment }, { isInUse: true })).evidence).toMatch(/is looked at again$/);
      expect((await prove({ moment, wipe: true }, { isInUse: true })).evidence).toMatch(/refuses --wipe$/);
      const backup = { isInUse: true, included: true };
      expect((await prove({}, backup)).evidence).toMatch(/where the backup ends; so it is kept$/);
      await expect(prove({ wipe: true }, backup)).rejects.toMatchObject({ code: 'unsafeTarget' });
    });

    it('is judged for good when the server has been stopped', async () => {
      const leftOut = (...args: Parameters<typeof prove>) => {
        const { look, words } = lookAt(...args);
        return findLeftOut(look, words);
      };
      expect(await leftOut({ moment })).toMatchObject({ because: expect.stringContaining('2 commits') });
      expect(await leftOut({}, { included: true })).toMatchObject({ because: expect.stringContaining('2 commits') });
      expect(await leftOut({ moment }, { survey: none })).toBeUndefined();
      // To the end of an archive nothing is left out, and the rest has been given up or is judged elsewhere.
      expect(await leftOut({})).toBeUndefined();
      expect(await leftOut({ moment, acceptLoss: true })).toBeUndefined();
      expect(await leftOut({ moment, wipe: true })).toBeUndefined();
      expect(await leftOut({ moment }, { survey: { ...LOST, systemIdentifier: '8' } })).toBeUndefined();
    });

    it('is kept where the archive cannot be asked', async () => {
      const { look, words } = lookAt({ moment }, { url: path.join(scratchDirectory(), 'gone') });
      const because = expect.stringMatching(/^what the archive has of it could not be found out: /);
      expect(await findLeftOut(look, words)).toEqual({ because });
    });
  });

  it('is kept, and not replayed nor deleted, where the archive has other WAL of the same name', async () => {
    const url = scratchDirectory();
    const folder = path.join(url, 'wals/0000000100000000');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, wal.endSegment), 'that of somebody else');
    const common = { name: wal.endSegment, bytes: 4, digest: createHash('sha256').update('this').digest('hex') };
    const none = { commits: 0, prepared: 0, endLsn: '0/5000000', isWhole: true, because: 'nothing was written' };
    for (const beyond of [none, LOST.beyond])
      expect(
        await prove({ salvage: true }, { url, survey: { ...LOST, beyond, common } as OldDataSurvey }),
      ).toMatchObject({
        state: 'warning',
        evidence: expect.stringContaining(`its ${wal.endSegment} is not the archive's; so it is kept`),
        value: { onlyCopy: { hasDiverged: true } },
      });
    const survey = { ...LOST, beyond: none, common };
    await expect(prove({ wipe: true }, { url, survey })).rejects.toMatchObject({ code: 'unsafeTarget' });
    const same = { ...common, digest: createHash('sha256').update('that').digest('hex') };
    expect((await prove({ wipe: true }, { url, survey: { ...survey, common: same } })).value).toEqual({});
  });

  it('is kept where the archive has another timeline of the same number, whatever lies behind its end', async () => {
    const url = scratchDirectory();
    const folder = path.join(url, 'wals');
    fs.mkdirSync(folder, { recursive: true });
    const archived = (lsn: string) => fs.writeFileSync(path.join(folder, '00000002.history'), `1\t${lsn}\tno target\n`);
    const none = { commits: 0, prepared: 0, endLsn: '0/5000000', isWhole: true, because: 'nothing was written' };
    const survey = { ...LOST, timeline: 2, beyond: none, path: [{ timeline: 1, lsn: '0/3000000' }] };
    archived('0/4000000');
    await expect(prove({ wipe: true }, { url, survey })).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining("its 00000002.history is not the archive's"),
    });
    archived('0/3000000');
    expect((await prove({ wipe: true }, { url, survey })).value).toEqual({});
  });

  it('needs room for that, too', () => {
    expect(withRoomForSalvage(wal, LOST.beyond)).toMatchObject({ segments: 6 });
    expect(withRoomForSalvage(wal, undefined)).toBe(wal);
  });
});
