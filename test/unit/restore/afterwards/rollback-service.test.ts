import { beforeEach, expect, it, vi } from 'vitest';
import { rollbackService } from '../../../../src/restore/afterwards/rollback-service.ts';

const did: string[] = [];
let use: { isRollbackOpen: boolean } | undefined;

vi.mock('../../../../src/restore/service/prove-service.ts', () => ({
  demandService: async () => ({
    docker: {},
    project: { name: 'shop', files: ['/srv/shop.yaml'], services: {} },
    service: { name: 'db', containers: [], mounts: [], env: {} },
    data: { mount: { source: 'shop_db', destination: '/data' }, place: { root: '/data', odoDir: '/data/.odo' } },
  }),
}));
vi.mock('../../../../src/docker/compose/service.ts', () => ({ resolveService: async () => ({ containers: [] }) }));
vi.mock('../../../../src/restore/recovery/service-control.ts', () => ({ stopContainers: async () => undefined }));
vi.mock('../../../../src/restore/service/start-service.ts', () => ({ startContainers: async () => 'db' }));
vi.mock('../../../../src/restore/database/see-answer.ts', () => ({ seeAnswer: async () => ({ answers: true }) }));
vi.mock('../../../../src/restore/afterwards/volume-commands.ts', () => ({
  openOnJournal: async () => ({
    place: { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] },
    engine: {
      probe: async () => ({ pgdata: { situation: 'used', hasPrevious: true, startable: true, use } }),
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
});

function rollback(tell: () => void = () => undefined) {
  const serviceRef = { volume: 'db', service: 'db', composeFiles: ['compose.yaml'], image: 'odo:x' };
  const context = { report: () => undefined, signal: new AbortController().signal, version: '1' };
  const told = (end: { rolledBack: boolean }) => {
    did.push(`tell ${end.rolledBack}`);
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
