import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type ErrorCode, OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { LaidDown } from '../../../../src/restore/contract/lay-down-job.ts';
import type { OldDataSurvey } from '../../../../src/restore/contract/old-data-survey.ts';
import type { ServiceRequest } from '../../../../src/restore/contract/request.ts';
import type { ProvenService } from '../../../../src/restore/into-service/prove-service-restore.ts';
import { intoService } from '../../../../src/restore/into-service/restore-into-service.ts';
import { restore as restoreTo } from '../../../../src/restore/procedure/restore.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';
import {
  answered,
  type FakeContainer,
  type FakeExec,
  type FakeOutcome,
  fakeDocker,
  serviceLabels,
} from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

let proven: ProvenService | Error;

vi.mock('../../../../src/restore/into-service/prove-service-restore.ts', () => ({
  proveServiceRestore: async () => {
    if (proven instanceof Error) throw proven;
    return proven;
  },
}));
let reopened: Engine | undefined;
vi.mock('../../../../src/restore/service/open-service-engine.ts', () => ({
  openServiceEngine: async () => {
    if (reopened) return reopened;
    throw new OdoError('dockerUnreachable', 'Docker cannot be reached');
  },
}));

beforeEach(() => {
  reopened = undefined;
});

const TARGET = { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] };
const LAID_DOWN: LaidDown = {
  readBytes: 1,
  writtenBytes: 1,
  files: 1,
  walSegments: 0,
  reusedBytes: 0,
  reusedParts: 0,
  reusedSegments: 0,
  overridden: [],
  oldData: 'kept',
  peakMemoryBytes: 1,
};
const PROMOTED = 'f\tf\t0/5000028\t2026-11-21T10:00:00.000000Z\t00000002\t17\n';

const WAITING = 't\tf\t0/5000028\t2026-11-21T10:00:00.000000Z\t\t17\n';

/** What goes otherwise than well. */
interface Faults {
  prove?: Error;
  confirm?: boolean;
  /** By the engine's method. */
  engine?: Partial<Record<keyof Engine, Error>>;
  container?: FakeContainer;
  /** What the server answers, where that is not what it should. */
  server?: (exec: FakeExec) => FakeOutcome | undefined;
  wal?: WalPlan;
  /** What became of the old data when the backup was laid down. */
  oldData?: LaidDown['oldData'];
  /** What the old data is in the end. */
  old?: OldDataSurvey;
  /** Nothing is laid down yet when it fails. */
  nothingStaged?: boolean;
  /** The run that has staged what is there after a failure. */
  journalRunId?: string;
  request?: Partial<ServiceRequest>;
  scripts?: ProvenService['scripts'];
  /** Is called by each step of the engine before it does its work. */
  before?: (step: string, containers: Record<string, FakeContainer>) => void;
  signal?: AbortSignal;
}

/** Restores a service that runs, in memory; `did` is what was done to its volume and its containers, in order. */
function restore(faults: Faults = {}) {
  const containers: Record<string, FakeContainer> = {
    'shop-db-1': { labels: serviceLabels('db'), running: true, ...faults.container },
  };
  const answer = (exec: FakeExec): FakeOutcome => {
    const told = faults.server?.(exec);
    if (told) return told;
    const sql = exec.argv.at(-1) ?? '';
    if (sql.includes('pg_is_in_recovery')) return { stdout: PROMOTED };
    return { stdout: sql.includes('server_version_num') ? '17\n' : '' };
  };
  const fake = fakeDocker(containers, oneByOne(answer));
  const did = fake.calls;
  const step =
    <T>(name: keyof Engine, result: T) =>
    async (): Promise<T> => {
      faults.before?.(name, containers);
      const fault = faults.engine?.[name];
      if (fault) throw fault;
      if (!['probe', 'recoveryState', 'archivingConfigured'].includes(name)) did.push(name);
      return result;
    };
  const named = faults.journalRunId === undefined ? {} : { journalRunId: faults.journalRunId };
  const staged = faults.nothingStaged ? {} : { journalState: 'staged' };
  const probe = { pgdata: { exists: true, startable: true, ...staged, ...named }, tablespaces: [] };
  const engine = {
    probe: step('probe', probe),
    layDown: step('layDown', { ...LAID_DOWN, oldData: faults.oldData ?? LAID_DOWN.oldData }),
    swap: step('swap', undefined),
    takeBack: step('takeBack', true),
    rollback: step('rollback', true),
    discard: step('discard', undefined),
    finish: step('finish', { leftSettings: [] }),
    recoveryState: step('recoveryState', {
      ended: false,
      serverStatus: 'standby' as const,
      preparedTransactions: 0,
      sign: '',
    }),
    archivingConfigured: step('archivingConfigured', false),
    surveyOld: step('surveyOld', faults.old),
    recheckPages: step('recheckPages', undefined),
    close: step('close', undefined),
  } as unknown as Engine;
  Object.assign(fake.docker, { host: 'tcp://elsewhere' });
  Object.assign(fake.docker.docker, { listVolumes: async () => ({ Volumes: [] }) });
  const wal: WalPlan = faults.wal ?? { source: 'included' };
  proven =
    faults.prove ??
    ({
      found: {
        docker: fake.docker,
        project: { name: 'shop', files: ['/srv/shop.yaml'], services: { db: { image: 'postgres:17' } } },
        service: { name: 'db', containers: [], commandArgs: [] },
        data: { mount: { source: 'shop_db' }, place: TARGET.pgdata },
      },
      source: {
        repository: { ref: { format: 'barman', root: '' } },
        backup: { id: 'b1', tablespaces: [], parts: [] },
        wal,
      },
      places: TARGET,
      mounts: [],
      missing: [],
      major: 17,
      configuration: { settings: [], keepArchiving: false },
      server: {},
      scripts: faults.scripts ?? [],
      engine,
      probe: probe.pgdata,
      oldData: {},
      isThere: true,
      proofs: [],
    } as unknown as ProvenService);
  const request = {
    store: { url: '/nowhere' },
    serviceRef: { volume: 'db', service: 'db', composeFiles: ['compose.yaml'], image: 'odo:x' },
    stopTimeoutSeconds: 120,
    stallTimeoutMs: 1000,
    archiveMode: 'off',
    verify: 'stream',
    salvage: false,
    acceptLoss: true,
    ...faults.request,
  } as unknown as ServiceRequest;
  const events: OdoEvent[] = [];
  const outcome = restoreTo(intoService(request), request, {
    report: (event) => void events.push(event),
    signal: faults.signal ?? new AbortController().signal,
    version: '1',
    confirm: async () => faults.confirm ?? true,
  });
  outcome.catch(() => undefined);
  return { outcome, did, containers, events };
}

const failing = (code: ErrorCode, message = 'it failed') => new OdoError(code, message, { hint: 'first this' });
const AS_BEFORE = ['stop shop-db-1 120', 'close', 'start shop-db-1'];
const BACK =
  'the old data is kept in /data/.odo/previous; this brings it back: odo rollback -v db -n db -f compose.yaml';

it('stops, lays down, exchanges, starts and finishes, in this order', async () => {
  const { outcome, did } = restore();
  expect(await outcome).toMatchObject({ kind: 'receipt', reached: { timeline: 2, lsn: '0/5000028' }, notes: [] });
  expect(did).toEqual(['stop shop-db-1 120', 'layDown', 'swap', 'start shop-db-1', 'surveyOld', 'finish', 'close']);
});

describe('old data of another cluster', () => {
  const old: OldDataSurvey = { systemIdentifier: '8', holdsObjects: true, isOfAnother: true, timeline: 1 };

  it.each<[string, Partial<ServiceRequest>]>([
    ['to the end', { acceptLoss: false }],
    ['with --accept-loss, which gives up its own alone', { acceptLoss: true }],
  ])('is kept after a restore %s', async (_what, request) => {
    expect(await restore({ old, request }).outcome).toMatchObject({
      onlyCopy: { isOfAnother: true },
      notes: [expect.stringMatching(/the old data is kept.* of another cluster \(8\).*--accept-loss removes it/)],
    });
  });

  it('is not looked for after a restore that gives it up', async () => {
    const { outcome, did } = restore({ old, request: { allowDifferentCluster: true } });
    expect(await outcome).not.toHaveProperty('onlyCopy');
    expect(did).not.toContain('surveyOld');
  });

  it('is kept when it cannot be looked at, unless that was given up', async () => {
    const engine = { surveyOld: failing('dataCorrupt') };
    expect(await restore({ engine, request: { acceptLoss: false } }).outcome).toMatchObject({
      onlyCopy: { isUnread: true },
    });
    expect(await restore({ engine }).outcome).not.toHaveProperty('onlyCopy');
  });
});

describe('before anything is touched', () => {
  it('a proof that fails ends it', async () => {
    const { outcome, did } = restore({ prove: failing('backupIncomplete') });
    await expect(outcome).rejects.toMatchObject({ code: 'backupIncomplete' });
    expect(did).toEqual([]);
  });

  it('a plan is all that a dry run gives, and no is no', async () => {
    const dry = restore({ request: { dryRun: true } });
    expect(await dry.outcome).toMatchObject({ kind: 'plan' });
    expect(dry.did).toEqual(['close']);
    const no = restore({ confirm: false });
    await expect(no.outcome).rejects.toMatchObject({
      code: 'cancelled',
      message: 'cancelled before anything was touched',
    });
    expect(no.did).toEqual(['close']);
  });

  it('a service that does not stop is started again, all the same', async () => {
    const { outcome, did } = restore({ container: { faults: { stop: answered(500, 'cannot kill it') } } });
    await expect(outcome).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringContaining('cannot kill it'),
    });
    expect(did).toEqual(['close', 'start shop-db-1']);
  });
});

describe('a failure before the exchange', () => {
  it('that will only come again removes what was laid down, and starts the service again', async () => {
    const { outcome, did } = restore({ engine: { layDown: failing('dataCorrupt') } });
    await expect(outcome).rejects.toMatchObject({ code: 'dataCorrupt', message: 'it failed', hint: 'first this' });
    expect(did).toEqual(['stop shop-db-1 120', 'discard', 'close', 'start shop-db-1']);
  });

  it('that may pass keeps it, and says so', async () => {
    const { outcome, did } = restore({ engine: { layDown: failing('storeUnreachable') } });
    await expect(outcome).rejects.toMatchObject({
      code: 'storeUnreachable',
      hint: expect.stringMatching(/^first this\nwhat was laid down is kept in \/data\/\.odo: /),
    });
    expect(did).toEqual(AS_BEFORE);
    const discarding = restore({ engine: { layDown: failing('storeUnreachable') }, request: { discard: true } });
    await expect(discarding.outcome).rejects.toMatchObject({ hint: 'first this' });
    expect(discarding.did).toContain('discard');
  });

  it('promises nothing that is kept where nothing was laid down yet', async () => {
    const { outcome, did } = restore({ engine: { layDown: failing('cancelled') }, nothingStaged: true });
    await expect(outcome).rejects.toMatchObject({ code: 'cancelled', hint: 'first this' });
    expect(did).toEqual(AS_BEFORE);
  });

  it('leaves a service stopped that is to stay so', async () => {
    const { outcome, did } = restore({ engine: { layDown: failing('dataCorrupt') }, request: { leaveStopped: true } });
    await expect(outcome).rejects.toMatchObject({ code: 'dataCorrupt' });
    expect(did.some((one) => one.startsWith('start'))).toBe(false);
  });

  it('that is a cancellation ends before the exchange, whatever was laid down', async () => {
    const controller = new AbortController();
    const { outcome, did } = restore({
      signal: controller.signal,
      before: (step) => step === 'layDown' && controller.abort(),
    });
    await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });
    expect(did).not.toContain('swap');
    expect(did.at(-1)).toBe('start shop-db-1');
  });

  it('is a container that somebody has started meanwhile no longer: it is stopped again', async () => {
    const { outcome, did } = restore({
      before(step, containers) {
        if (step === 'layDown') Object.assign(containers['shop-db-1'] as object, { running: true });
      },
    });
    expect(await outcome).toMatchObject({ kind: 'receipt' });
    expect(did.slice(0, 4)).toEqual(['stop shop-db-1 120', 'layDown', 'stop shop-db-1 120', 'swap']);
  });

  it('keeps its own words when the service does not start again', async () => {
    const { outcome } = restore({
      engine: { layDown: failing('dataCorrupt') },
      container: { faults: { start: answered(500, 'port is already allocated') } },
    });
    const hints = [
      'first this',
      'container shop-db-1 could not be started again: .*port is already allocated',
      'this starts the service: docker compose -f /srv/shop\\.yaml up -d db',
    ];
    await expect(outcome).rejects.toMatchObject({
      code: 'dataCorrupt',
      hint: expect.stringMatching(new RegExp(`^${hints.join('\n')}$`)),
    });
  });
});

describe('a failure of the exchange', () => {
  it('over which another odo has taken over starts no service on what is that one’s', async () => {
    const engine = { swap: failing('unsafeTarget', 'taken over'), takeBack: failing('unsafeTarget', 'taken over') };
    const { outcome, did } = restore({ engine, journalRunId: 'of-another' });
    await expect(outcome).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: 'taken over',
      hint: 'first this\nservice db is left as it is, since another odo works in /data/.odo by now',
    });
    expect(did).toEqual(['stop shop-db-1 120', 'layDown', 'close']);
  });

  it('is taken back, and then the service starts on what it had', async () => {
    const { outcome, did } = restore({ engine: { swap: failing('noSpace') } });
    await expect(outcome).rejects.toMatchObject({
      code: 'noSpace',
      hint: expect.stringContaining('what was laid down is kept'),
    });
    expect(did).toEqual(['stop shop-db-1 120', 'layDown', 'takeBack', 'close', 'start shop-db-1']);
    const other = restore({ engine: { swap: failing('unsafeTarget') } });
    await expect(other.outcome).rejects.toMatchObject({ code: 'unsafeTarget', hint: 'first this' });
    // What could not be put in place is not kept either.
    expect(other.did).toEqual(expect.arrayContaining(['takeBack', 'discard']));
  });

  it('that cannot be taken back starts no server, and names the way back', async () => {
    const { outcome, did } = restore({ engine: { swap: failing('noSpace'), takeBack: failing('noSpace') } });
    await expect(outcome).rejects.toMatchObject({ code: 'noSpace', hint: `first this\n${BACK}` });
    expect(did).toEqual(['stop shop-db-1 120', 'layDown', 'close']);
  });
});

describe('a failure after the exchange', () => {
  /** Nothing of the old data has gone, and nothing of the new was finished. */
  async function expectWayBack(
    { outcome, did }: ReturnType<typeof restore>,
    code: ErrorCode,
    words: string,
  ): Promise<void> {
    await expect(outcome).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
      hint: expect.stringContaining(BACK),
    });
    expect(did.filter((one) => ['finish', 'discard', 'rollback', 'takeBack'].includes(one))).toEqual([]);
    expect(did.at(-1)).toBe('close');
  }

  it('names the way back when the container does not start', () =>
    expectWayBack(
      restore({ container: { faults: { start: answered(500, 'no such device') } } }),
      'recoveryFailed',
      'cannot start container shop-db-1: no such device',
    ));

  it('names it when the server makes no progress', () =>
    expectWayBack(
      restore({
        request: { stallTimeoutMs: 1 },
        server: ({ argv }) =>
          argv.includes('psql') ? { exitCode: 2, stderr: 'FATAL:  the database system is starting up' } : {},
      }),
      'promotionNotSeen',
      'starting up',
    ));

  it('names it when the recovery has come short of the archive', async () => {
    const wal: WalPlan = {
      source: 'archive',
      spans: [],
      segmentSizeBytes: 16 << 20,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 1,
      storedBytes: 1,
      endSegment: '000000010000000000000007',
    };
    await expectWayBack(restore({ wal }), 'dataCorrupt', 'the archive goes on to 000000010000000000000007');
  });

  const lacking = ({ argv }: FakeExec): FakeOutcome | undefined => {
    const sql = argv.at(-1) ?? '';
    if (sql.startsWith('select datname') && sql.includes('datconnlimit')) return { stdout: 'shop\n' };
    return sql.includes('pg_stat_file') ? { stdout: 'base/5/16384\tpublic.orders\n' } : undefined;
  };
  const LACKING = 'a relation lacks files: public.orders in database shop (base/5/16384)';

  it('names it when a relation lacks its file, and the old data is kept', () =>
    expectWayBack(restore({ server: lacking }), 'dataCorrupt', LACKING));

  it('names it when a relation of a server that waits lacks its file', () =>
    expectWayBack(
      restore({
        request: { standby: {} },
        server: (exec) =>
          exec.argv.at(-1)?.startsWith('select pg_is_in_recovery') ? { stdout: WAITING } : lacking(exec),
      }),
      'dataCorrupt',
      LACKING,
    ));

  it('says that there is none when a relation lacks its file and the old data was deleted beforehand', async () => {
    const { outcome, did } = restore({ server: lacking, request: { wipe: true }, oldData: 'deleted' });
    await expect(outcome).rejects.toMatchObject({
      code: 'dataCorrupt',
      hint: expect.stringMatching(/older backup with --backup\nthe old data was deleted beforehand \(--wipe\)/),
    });
    expect(did).not.toContain('finish');
  });

  it('names it when a page is damaged that was suspect', () =>
    expectWayBack(
      restore({
        request: { verify: 'full' },
        engine: { recheckPages: failing('dataCorrupt', '1 data pages are damaged') },
      }),
      'dataCorrupt',
      '1 data pages are damaged',
    ));

  it('names it when it is cancelled, and leaves the server alone', async () => {
    const controller = new AbortController();
    const { outcome, did } = restore({
      signal: controller.signal,
      before: (step) => step === 'recoveryState' && controller.abort(),
      server: ({ argv }) => (argv.includes('psql') ? { exitCode: 97 } : {}),
    });
    await expect(outcome).rejects.toMatchObject({ code: 'cancelled', hint: expect.stringContaining(BACK) });
    expect(did.slice(-2)).toEqual(['start shop-db-1', 'close']);
  });
});

describe('a failure after the promotion', () => {
  it('names what removes the rest, and no way back', async () => {
    const { outcome } = restore({ engine: { finish: failing('noSpace') } });
    await expect(outcome).rejects.toMatchObject({
      code: 'noSpace',
      hint: expect.stringMatching(
        /the restore itself has succeeded.*: odo clean -v db -n db -f compose\.yaml --accept-loss$/s,
      ),
    });
  });

  it('keeps what was restored when a script fails, and names the scripts to come', async () => {
    const script = (file: string) => ({ file, content: 'select' }) as unknown as ProvenService['scripts'][number];
    const { outcome, did } = restore({
      scripts: [script('1.sql'), script('2.sql')],
      server: ({ argv }) =>
        argv.includes('-f') ? { exitCode: 3, stderr: 'psql:<stdin>:7: ERROR:  no such table' } : undefined,
    });
    await expect(outcome).rejects.toMatchObject({
      code: 'scriptFailed',
      message: '1.sql, line 7: ERROR:  no such table',
      hint: expect.stringMatching(/< 1\.sql\n.*< 2\.sql$/),
    });
    expect(did.slice(-2)).toEqual(['finish', 'close']);
  });

  it('finishes in another container where its own has died', async () => {
    const first = restore({ engine: { finish: failing('dockerUnreachable') } });
    const others: string[] = [];
    reopened = {
      finish: async () => {
        others.push('finish');
        return { leftSettings: [] };
      },
      close: async () => void others.push('close'),
    } as unknown as Engine;
    expect(await first.outcome).toMatchObject({ kind: 'receipt' });
    expect(others).toEqual(['finish', 'close']);
  });

  it('is not what closing the restore container fails with', async () => {
    const { outcome } = restore({ engine: { close: failing('dockerUnreachable') } });
    expect(await outcome).toMatchObject({ kind: 'receipt' });
  });
});
