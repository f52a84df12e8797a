import { beforeEach, expect, it, vi } from 'vitest';
import { cleanVolume } from '../../../../src/restore/afterwards/volume-commands.ts';
import type { AskedOfOld } from '../../../../src/restore/contract/volume-status.ts';
import {
  type FakeContainer,
  type FakeExec,
  type FakeOutcome,
  fakeDocker,
  serviceLabels,
} from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

const did: string[] = [];
let server: (exec: FakeExec) => FakeOutcome;
let unjudged: AskedOfOld | undefined;
const container: FakeContainer = { labels: serviceLabels('db'), running: true };

const fake = fakeDocker(
  { 'shop-db-1': container },
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
vi.mock('../../../../src/restore/service/journal-mounts.ts', () => ({ withMountsOf: () => [{}] }));
vi.mock('../../../../src/restore/service/nobody-else.ts', () => ({ refuseOthersNow: async () => undefined }));
vi.mock('../../../../src/restore/service/open-service-engine.ts', () => ({
  openServiceEngine: async () => ({
    probe: async () => ({ pgdata: { exists: true } }),
    status: async () => ({ oldDataUnjudged: unjudged }),
    surveyOld: async () => undefined,
    clean: async () => {
      did.push('clean');
      return { freedBytes: 1, found: true, leftSettings: [] };
    },
    close: async () => undefined,
  }),
}));

const lacking = ({ argv }: FakeExec) => {
  const sql = argv.at(-1) ?? '';
  if (sql.includes('datconnlimit')) return { stdout: 'shop\n' };
  return { stdout: sql.includes('pg_stat_file') ? 'base/5/16384\tpublic.orders\n' : '' };
};

beforeEach(() => {
  did.length = 0;
  unjudged = 'all';
  server = lacking;
  container.running = true;
});

function clean(acceptLoss = false) {
  const serviceRef = { volume: 'db', service: 'db', composeFiles: ['compose.yaml'], image: 'odo:x' };
  const context = { report: () => undefined, signal: new AbortController().signal, version: '1' };
  return cleanVolume({ serviceRef, acceptLoss }, context);
}

it('keeps the old data where a run was broken off and the restored server lacks files', async () => {
  await expect(clean()).rejects.toMatchObject({
    code: 'unsafeTarget',
    message: expect.stringMatching(/is not whole: .*public\.orders in database shop/),
    hint: expect.stringContaining('--accept-loss'),
  });
  expect(did).toEqual([]);
});

it('goes on where the server is whole, the loss is accepted, or the restore had looked itself', async () => {
  server = (exec) => (exec.argv.at(-1)?.includes('pg_stat_file') ? {} : lacking(exec));
  await clean();
  server = lacking;
  await clean(true);
  unjudged = undefined;
  await clean();
  // What a rollback has set aside does not matter for the data in place.
  unjudged = 'aside';
  await clean();
  expect(did).toEqual(['clean', 'clean', 'clean', 'clean']);
});

it('says so where no server could be asked', async () => {
  container.running = false;
  expect((await clean()).notes).toEqual([expect.stringContaining('no server runs')]);
});
