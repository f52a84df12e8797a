import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { promoteService } from '../../../../src/restore/afterwards/promote-service.ts';
import type { OldData } from '../../../../src/tree/exchange/probe.ts';
import { type FakeExec, type FakeOutcome, fakeDocker, serviceLabels } from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

const did: string[] = [];
let server: (exec: FakeExec) => FakeOutcome;
let old: OldData;
let unpromoted: OdoError | undefined;

const fake = fakeDocker(
  { 'shop-db-1': { labels: serviceLabels('db') } },
  oneByOne((exec) => server(exec)),
);

vi.mock('../../../../src/restore/service/prove-service.ts', () => ({
  demandService: async () => ({
    docker: fake.docker,
    project: { name: 'shop', files: ['/srv/shop.yaml'], services: { db: { image: 'postgres:17' } } },
    service: { name: 'db', containers: [], commandArgs: [], mounts: [] },
    data: { mount: { source: 'shop_db' }, place: { root: '/data', odoDir: '/data/.odo' } },
  }),
}));
vi.mock('../../../../src/restore/service/open-service-engine.ts', () => ({ isFollowed: async () => false }));
vi.mock('../../../../src/restore/afterwards/volume-commands.ts', () => ({
  openOnJournal: async () => ({
    place: { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] },
    engine: {
      probe: async () => ({
        pgdata: { situation: 'waiting', awaitsPromotion: { target: 'a name' }, startable: true, old },
      }),
      status: async () => ({}),
      surveyOld: async () => undefined,
      noteKept: async (_places: unknown, because: string) => void did.push(because),
      close: async () => void did.push('close'),
    },
  }),
}));
vi.mock('../../../../src/restore/recovery/service-control.ts', () => ({
  seeThroughRecovery: async () => {
    did.push('promote');
    if (unpromoted) throw unpromoted;
    return { reached: { timeline: 2 }, waits: false };
  },
  cleanUp: async () => {
    did.push('clean');
    return [];
  },
}));

beforeEach(() => {
  did.length = 0;
  old = { where: 'previous' };
  unpromoted = undefined;
  server = () => ({});
});

function promote() {
  const serviceRef = { volume: 'db', service: 'db', composeFiles: ['compose.yaml'], image: 'odo:x' };
  const context = { report: () => undefined, signal: new AbortController().signal, version: '1' };
  return promoteService({ serviceRef, stallTimeoutMs: 1000 }, context);
}

it('ends the recovery, looks at what has come up, and finishes the restore', async () => {
  expect(await promote()).toMatchObject({ kind: 'promotion', target: 'a name', reached: { timeline: 2 } });
  expect(did).toEqual(['promote', 'clean', 'close']);
});

it('lets the volume go, with nothing of the restore removed, where the server answers nothing', async () => {
  unpromoted = new OdoError('promotionNotSeen', 'the server made no progress for 1 s', { hint: 'look at its log' });
  await expect(promote()).rejects.toBe(unpromoted);
  expect(did).toEqual(['promote', 'close']);
});

describe('a relation that lacks its file', () => {
  beforeEach(() => {
    server = ({ argv }) => {
      const sql = argv.at(-1) ?? '';
      if (sql.includes('datconnlimit')) return { stdout: 'shop\n' };
      return { stdout: sql.includes('pg_stat_file') ? 'base/5/16384\tpublic.orders\n' : '' };
    };
  });

  it('ends it with the old data kept, and the way back to it', async () => {
    await expect(promote()).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('public.orders in database shop'),
      hint: expect.stringMatching(
        /the old data is kept in .*: odo rollback -v db -n db .*\n.*: odo clean -v db -n db .* --accept-loss/,
      ),
    });
    expect(did).toEqual(['promote', expect.stringContaining('public.orders'), 'close']);
  });

  it('names no way back where there is none', async () => {
    old = { where: 'gone' };
    await expect(promote()).rejects.toMatchObject({
      code: 'dataCorrupt',
      hint: expect.not.stringContaining('rollback'),
    });
    expect(did).not.toContain('clean');
  });
});
