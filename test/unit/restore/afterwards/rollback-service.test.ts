import { beforeEach, expect, it, vi } from 'vitest';
import { type Rollback, rollbackService } from '../../../../src/restore/afterwards/rollback-service.ts';
import type { Situation } from '../../../../src/tree/exchange/situation.ts';

const did: string[] = [];
let use: { isRollbackOpen: boolean } | undefined;
let situation: Situation;
let switches: object | undefined;
let strayed: object | undefined;
const switched = { service: 'db', destination: '/data', volume: 'shop_new' };

vi.mock('../../../../src/restore/service/prove-service.ts', () => ({
  demandService: async () => ({
    docker: {},
    project: { name: 'shop', files: ['/srv/shop.yaml'], services: {}, switches },
    service: { name: 'db', containers: [{ running: false }], mounts: [], env: {} },
    data: { mount: { source: 'shop_db', destination: '/data' }, place: { root: '/data', odoDir: '/data/.odo' } },
    strayed,
  }),
}));
vi.mock('../../../../src/docker/compose/service.ts', () => ({ resolveService: async () => ({ containers: [] }) }));
vi.mock('../../../../src/restore/recovery/service-control.ts', () => ({ stopContainers: async () => undefined }));
vi.mock('../../../../src/restore/service/start-service.ts', () => ({ startContainers: async () => 'db' }));
vi.mock('../../../../src/restore/database/see-answer.ts', () => ({ seeAnswer: async () => ({ answers: true }) }));
vi.mock('../../../../src/restore/recovery/switch-service.ts', async (original) => ({
  ...(await original<object>()),
  switchBack: async () => {
    did.push('switch back');
    return 'shop_old';
  },
  forgetStrayed: async () => void did.push('forget'),
}));
vi.mock('../../../../src/restore/afterwards/volume-commands.ts', () => ({
  openOnJournal: async () => ({
    place: { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] },
    engine: {
      probe: async () => ({ pgdata: { situation, hasPrevious: true, startable: true, use } }),
      rollback: async () => {
        did.push('exchange');
        return { rolledBack: true, isKept: true, inPlace: 'before' };
      },
      noteRollbackTold: async () => void did.push('note'),
      close: async () => void did.push('close'),
    },
  }),
}));

beforeEach(() => {
  did.length = 0;
  use = undefined;
  situation = 'used';
  switches = undefined;
  strayed = undefined;
});

let notes: string[];

function rollback(tell: () => void = () => undefined) {
  const serviceRef = { volume: 'db', service: 'db', composeFiles: ['compose.yaml'], image: 'odo:x' };
  const context = { report: () => undefined, signal: new AbortController().signal, version: '1' };
  const told = (end: Rollback) => {
    did.push(`tell ${end.rolledBack}`);
    notes = end.notes;
    tell();
  };
  const confirm = async () => true;
  return rollbackService({ serviceRef, stopTimeoutSeconds: 1 }, { ...context, confirm, tell: told });
}

it('tells of its end before it notes that it has', async () => {
  await rollback();
  expect(did).toEqual(['exchange', 'tell true', 'note', 'close']);
});

it('is still open when nobody could be told', async () => {
  const broken = () => {
    throw new Error('EPIPE');
  };
  await expect(rollback(broken)).rejects.toThrow('EPIPE');
  expect(did).toEqual(['exchange', 'tell true', 'close']);
});

it('finishes one that nobody was told of, without a second exchange', async () => {
  use = { isRollbackOpen: true };
  await rollback();
  expect(did).toEqual(['tell true', 'note', 'close']);
});

it('takes a switch back only where nothing of a later restore is on the volume', async () => {
  switches = { switched: [{ ...switched, volume: 'shop_db' }], earlier: [] };
  for (const one of ['interrupted', 'interrupted-vacant', 'leftovers', 'discarding', 'clearing'] as const) {
    situation = one;
    await rollback();
  }
  expect(did.filter((what) => what !== 'close')).toEqual(Array(5).fill('tell false'));
  did.length = 0;
  situation = 'untouched';
  await rollback();
  expect(did).toEqual(['close', 'switch back', 'tell true']);
});

it('forgets a switch that the container does not follow, and leaves a server that waits there', async () => {
  switches = { switched: [switched], earlier: [] };
  strayed = switched;
  situation = 'waiting';
  await rollback();
  expect(did).toEqual(['close', 'forget', 'tell false']);
  expect(notes).toEqual([expect.stringContaining('service db is no longer led to volume shop_new, which is left')]);
});

it.each(['exchanging', 'setting-aside'] as const)(
  'lets no server run there on content that is half moved: %s',
  async (one) => {
    switches = { switched: [switched], earlier: [] };
    strayed = switched;
    situation = one;
    await rollback();
    expect(did).toEqual(['exchange', 'forget', 'tell true', 'note', 'close']);
  },
);
