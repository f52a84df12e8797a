import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngineProxy } from '../torture/engine-proxy.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { inspectContainer } from './parts/container-facts.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { foreignSegment } from './parts/foreign-segment.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { type RunningOdo, startOdo } from './parts/running-odo.ts';
import { createBucket, emptyBucket, listKeys, putObject, readObject, s3 } from './parts/s3.ts';
import { restoreContainers } from './parts/service-before.ts';
import { startSource } from './parts/source-cluster.ts';

const DATA = '/var/lib/postgresql/data';

/**
 * Enough for three or four segments, where the archive holds many: the server is in the middle of its recovery when the
 * later ones are fetched.
 */
const SPOOL = '4MiB';
const FEWEST_SEGMENTS = 15;
/** Shorter than the recovery with what is waited for, and longer than each wait. */
const STALL_S = 4;
/** A server that nobody can ask while it recovers, and whose words lie in a file of its data directory alone. */
const UNSEEN = 'logging_collector = on\nhot_standby = off\n';

/**
 * A recovery that is fed through a small spool, with a store that does not hold out. The service starts its server over
 * and over.
 */
describe('WAL that is fetched while the server recovers', () => {
  let bucket: string;
  let digest: string;
  let keys: string[];
  let project: ComposeProject;
  let proxy: FaultProxy;

  beforeAll(async () => {
    bucket = await createBucket();
    let id = '';
    const source = await startSource({
      major: 15,
      bucket,
      prefix: 'backups',
      server: 'shop',
      initdbArgs: '--wal-segsize=1',
    });
    try {
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 1000) n');
      // What would wake up in a restored server, and what its image lacks.
      await source.sql(
        "create subscription orders connection 'host=127.0.0.1 port=1' publication p with (connect = false)",
      );
      await source.sql('alter subscription orders enable');
      await source.sql("create function area() returns int language c as '$libdir/plpgsql', 'plpgsql_call_handler'");
      await source.sql("update pg_proc set probin = '$libdir/postgis-9' where proname = 'area'");
      id = await source.barmanBackup();
      await source.archiveFast(() =>
        source.sql('insert into things select n, repeat(md5(n::text), 8) from generate_series(1001, 60000) n'),
      );
      digest = await source.sql(THINGS_DIGEST);
    } finally {
      await source.remove();
    }
    const info = (await readObject(bucket, `backups/shop/base/${id}/backup.info`)).toString('utf8');
    const beginWal = /^begin_wal=(\w+)$/m.exec(info)?.[1] ?? '';
    const all = await listKeys(bucket, 'backups/shop/wals/');
    keys = all.filter((key) => /\/[0-9A-F]{24}\.gz$/.test(key)).sort();
    // What the backup does not need was archived before it.
    keys = keys.filter((key) => key.slice(key.lastIndexOf('/') + 1) >= beginWal);
    project = writeProject({ image: 'postgres:15', mountAt: DATA, extra: '    restart: always' });
    fs.writeFileSync(path.join(project.folder, 'postgresql.auto.conf'), UNSEEN);
    await project.up();
    await project.sql("create table old as select 'as before' as what");
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
    // Loopback is so fast that no fault would find a recovery under way.
    proxy.fault(/^GET [^?]*[0-9A-F]{24}\.gz/, { do: 'wait', forMs: 600 });
  });

  afterEach(() => proxy.close());

  afterAll(async () => {
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (retryForS = 1) => [
    '-u',
    `s3://${bucket}/backups/shop`,
    ...names(),
    '--allow-different-cluster',
    '--retry-for',
    `${retryForS}`,
    '--spool',
    SPOOL,
  ];
  const unseen = () => ['-c', project.folder];
  const env = () => ({ env: { S3_ENDPOINT: proxy.endpoint } });
  const status = async () => JSON.parse((await odo(['status', ...names(), '--json'])).stdout);

  /** The n-th segment from the end. */
  const keyFromEnd = (n: number) => keys.at(-n) as string;
  const getOf = (key: string) => new RegExp(`^GET /[^?]*${key.slice(key.lastIndexOf('/') + 1)}`);

  /**
   * Starts a restore; something happens when the server has taken many segments, and has many to come, which wait for
   * it.
   */
  async function startRecovery(
    happens: (running: RunningOdo) => unknown,
    { retryForS, dockerHost, more = [] }: { retryForS?: number; dockerHost?: string; more?: string[] } = {},
  ): Promise<RunningOdo> {
    const { env: variables } = env();
    const running = startOdo([...args(retryForS), ...more], {
      env: { ...variables, ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }) },
    });
    const ended = running.outcome.then(({ stderr }) => Promise.reject(new Error(`it ended too soon: ${stderr}`)));
    await Promise.race([
      until('the exchange', async () => running.stderr().includes('✓ exchanging old and new data')),
      ended,
    ]);
    const held = Promise.withResolvers<void>();
    for (let n = 1; n <= 10; n++)
      proxy.fault(getOf(keyFromEnd(n)), { do: 'withhold', fromByte: 0, until: held.promise });
    // The checks read WAL as well: only what is asked for from here on is asked for by a recovery.
    const before = proxy.count(getOf(keyFromEnd(12))).requests;
    const isAsked = async () => proxy.count(getOf(keyFromEnd(12))).requests > before;
    await Promise.race([until('segments are asked for', isAsked), ended]);
    await happens(running);
    held.resolve();
    return running;
  }

  const serverState = async () => (await inspectContainer(await project.containerId('db'))).RestartCount;

  /** A server that was told to stop does not come up, however often it is started; the way back is told. */
  async function expectStopped(stderr: string): Promise<void> {
    expect(stderr).toContain('odo rollback -v db -n db -f');
    await until('the server is started over', async () => (await serverState()) > 0);
    expect(await status()).toMatchObject({ state: 'swapped', recovered: false });
    expect(await project.inVolume('ls /v/recovery.signal')).toBe('/v/recovery.signal');
  }

  /** The old data comes back, from under every restore that has failed since, and nothing else stays. */
  async function expectWayBack(): Promise<void> {
    const { code, stdout, stderr } = await odo(['rollback', ...names()]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('rolled back');
    await project.up();
    expect(await project.sql('select what from old')).toBe('as before');
    expect(await project.inVolume('ls -A /v | grep odo || echo none')).toBe('none');
    expect(await restoreContainers(project.volume)).toBe('');
  }

  it('stops the server when odo is killed; the next run begins anew; it waits while the store is away', async () => {
    expect(keys.length).toBeGreaterThan(FEWEST_SEGMENTS);
    const killed = await startRecovery(({ signal }) => signal('SIGKILL'));
    await killed.outcome;
    await until('the restore container is gone', async () => (await restoreContainers(project.volume)) === '');
    await until('the server is started over', async () => (await serverState()) > 0);
    expect(await status()).toMatchObject({ state: 'swapped', recovered: false });

    let isAway = true;
    const running = await startRecovery(
      () => {
        proxy.fault(/./, () => (isAway ? { do: 'answer', status: 503, code: 'SlowDown' } : undefined));
        proxy.breakAll();
      },
      { retryForS: 300 },
    );
    const waits = 'test -n "$(ls /v/.odo/spool/wanted)" && ls /v/recovery.signal || echo none';
    await until('the server waits', async () => (await project.inVolume(waits)) === '/v/recovery.signal');
    expect(await status()).toMatchObject({ state: 'swapped', recovered: false });
    isAway = false;
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(digest);
    expect(await serverState()).toBe(0);
    expect(stdout).toContain(`${keys.length} WAL segments`);
    expect(stdout).toMatch(/^\s*timeline\s+2$/m);
    expect(await project.inVolume('ls -A /v | grep -e odo -e signal || echo none')).toBe('none');
    await project.sql("create table old as select 'as before' as what");
  });

  it('is 10 when the store stays away', async () => {
    const running = await startRecovery(() => proxy.goAway());
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(10);
    await expectStopped(stderr);
  });

  it('is 11 when the keys expire', async () => {
    const running = await startRecovery(() => proxy.fault(/./, { do: 'answer', status: 403, code: 'ExpiredToken' }));
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(11);
    await expectStopped(stderr);
  });

  it('is 13 when the archive loses a segment meanwhile', async () => {
    const key = keyFromEnd(5);
    const segment = await readObject(bucket, key);
    const running = await startRecovery(() => s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
    try {
      const { code, stderr } = await running.outcome;
      expect(code, stderr).toBe(13);
      expect(stderr).toContain(key);
      await expectStopped(stderr);
    } finally {
      await putObject(bucket, key, segment);
    }
  });

  it('is 14 when a later segment is a sound one of another cluster', async () => {
    const key = keyFromEnd(2);
    const segment = await readObject(bucket, key);
    const name = key.slice(key.lastIndexOf('/') + 1).replace('.gz', '');
    await putObject(bucket, key, await foreignSegment(`${project.name}-app-1`, name, 1));
    try {
      const { code, stderr } = await odo(args());
      expect(code, stderr).toBe(14);
      const words = `${key} is of another cluster \\(system identifier\\) .*: \\d{19} where \\d{19} is expected`;
      expect(stderr).toMatch(new RegExp(words));
      await expectStopped(stderr);
    } finally {
      await putObject(bucket, key, segment);
    }
  });

  it('is 14 when a bit of a segment is another; the old data comes back from under all of these failures', async () => {
    const key = keyFromEnd(5);
    // Of its checksum: within the content, a reference to other bytes that are the same would be no damage.
    const atByte = (await readObject(bucket, key)).length - 6;
    proxy.fault(getOf(key), { do: 'flip', atByte });
    const { code, stderr } = await odo(args(), env());
    expect(code, stderr).toBe(14);
    expect(stderr).toContain(key);
    await expectStopped(stderr);
    await expectWayBack();
  });

  it('is 14 when a damaged record in the last segment has others behind it, and the old data is kept', async () => {
    const [last, ...later] = keys.slice(-4) as [string, ...string[]];
    const objects = new Map(
      await Promise.all([last, ...later].map(async (key) => [key, await readObject(bucket, key)] as const)),
    );
    const segment = zlib.gunzipSync(objects.get(last) as Buffer);
    segment.writeUInt8(segment.readUInt8(600_000) ^ 1, 600_000);
    await putObject(bucket, last, zlib.gzipSync(segment, { level: 1 }));
    for (const key of later) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    try {
      const { code, stderr } = await odo(args());
      expect(code, stderr).toBe(14);
      const name = last.slice(last.lastIndexOf('/') + 1).replace('.gz', '');
      expect(stderr).toContain(`the archive's ${name} goes on behind a place that is damaged`);
      expect(stderr).toContain('odo rollback -v db -n db -f');
      expect(await project.inVolume('ls /v/.odo/previous/PG_VERSION')).toBe('/v/.odo/previous/PG_VERSION');
      // What it could recover is all that was committed before that: whoever wants it takes it.
      expect(await project.sql('select count(*) from things')).toBe('1000');
      const taken = await odo(['clean', ...names(), '--accept-loss']);
      expect(taken.code, taken.stderr).toBe(0);
    } finally {
      for (const [key, content] of objects) await putObject(bucket, key, content);
    }
  });

  it('goes on for longer than a stall may last, where nobody can ask the server or read its log', async () => {
    // Only the volume shows that it goes on.
    proxy.fault(/^GET [^?]*[0-9A-F]{24}\.gz/, { do: 'wait', forMs: 900 });
    await odoReceipt([...args(), ...unseen(), '--stall-timeout', `${STALL_S}`], env());
    expect(await project.sql('show hot_standby')).toBe('off');
    expect(await project.sql(THINGS_DIGEST)).toBe(digest);
  });

  it('goes on when all lines to the engine break and the restore container is alone as WAL is asked for', async () => {
    const engine = await startEngineProxy(project.folder);
    try {
      const running = await startRecovery(
        async ({ stderr }) => {
          const restarts = await serverState();
          const waits = 'test -n "$(ls /v/.odo/spool/wanted)" && echo waits || echo none';
          await until('the server waits', async () => (await project.inVolume(waits)) === 'waits');
          engine.breakFor(1000);
          await until('it is missed', async () => stderr().includes('another one goes on fetching WAL'));
          await until('another one is there', async () => (await restoreContainers(project.volume)) !== '');
          expect(await serverState()).toBe(restarts);
        },
        { dockerHost: engine.host },
      );
      const { code, stderr } = await running.outcome;
      expect(code, stderr).toBe(0);
      expect(await serverState()).toBe(0);
      expect(await project.sql(THINGS_DIGEST)).toBe(digest);
    } finally {
      await engine.close();
    }
  });

  it('goes on when the restore container dies, as the server only waits, and when others restart that', async () => {
    const db = await project.containerId('db');
    const happens = async ({ stderr }: RunningOdo) => {
      const container = `odo-restore-${project.volume}`;
      await mustRun('docker', ['kill', container]);
      await until('it is missed', async () => stderr().includes('another one goes on fetching WAL'));
      const isThere = async () =>
        (await run('docker', ['inspect', '-f', '{{.State.Running}}', container])).stdout === 'true\n';
      await until('another one is there', isThere);
      expect(await serverState()).toBe(0);
      await mustRun('docker', ['restart', '-t', '60', db]);
    };
    // As a watchdog does: a health check fails as long as the server lets nobody in.
    const running = await startRecovery(happens, { more: unseen() });
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('was restarted by somebody else in the middle of its recovery');
    expect(await project.sql(THINGS_DIGEST)).toBe(digest);
    // In the place of its own cluster, nothing of it is turned off.
    expect(stdout).toContain('postgis-9 (database postgres)');
    expect(stdout).toContain('a subscription is enabled');
    expect(await project.inVolume('ls -A /v | grep -e odo -e signal || echo none')).toBe('none');
  });
});
