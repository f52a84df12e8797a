import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineProxy } from '../torture/engine-proxy.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { startFaultProxy } from './parts/fault-proxy.ts';
import { startKeyServices } from './parts/key-services.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, until } from './parts/run.ts';
import { type RunningOdo, startOdo } from './parts/running-odo.ts';
import { createBucket, emptyBucket, openToEverybody, S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';
import { restoreContainers } from './parts/service-before.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';
import { startTokenServer } from './parts/token-server.ts';

const DATA = '/var/lib/postgresql/data';
const SECRET = 'hush-hush-7';

/** A restored server that stays a standby of the very server whose backup it is. */
describe('a standby', () => {
  let bucket: string;
  let source: SourceCluster;
  let project: ComposeProject;
  let conninfo: string;

  beforeAll(async () => {
    bucket = await createBucket();
    source = await startSource({ major: 17, bucket, prefix: 'backups', server: 'shop' });
    conninfo = `host=127.0.0.1 port=${await source.sql('show port')} user=postgres password=${SECRET}`;
    await source.sql("create table rows as select 'in the backup' as what");
    await source.barmanBackup();
    await source.sql("insert into rows values ('in the archive')");
    await source.archiveAll();
    // On the host's network, since that is where the source listens; no other server may have its port there.
    project = writeProject({
      image: 'postgres:17',
      mountAt: DATA,
      extra:
        '    network_mode: host\n    command: ["postgres", "-c", "listen_addresses=", "-c", ' +
        '"wal_retrieve_retry_interval=500ms"]',
    });
    await project.compose('up', '-d', 'db');
    // Not the server that the entry point starts to make the cluster, and stops again.
    const pid = () => project.compose('exec', '-T', 'db', 'head', '-n', '1', `${DATA}/postmaster.pid`).catch(() => '');
    await until('the server itself runs', async () => (await pid()) === '1');
    await until('it answers', async () => (await project.sql('select 1').catch(() => '')) === '1');
    await project.sql("create table of_the_service as select 'old' as what");
  });

  afterAll(async () => {
    // One that a failed test has left is ended with its container.
    for (const running of following) running.signal('SIGKILL');
    await project?.down();
    await source?.remove();
    if (bucket) await emptyBucket(bucket);
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => [
    ...['-u', `s3://${bucket}/backups`, ...names(), '--standby', '--allow-different-cluster'],
    ...more,
  ];
  const rows = () => project.sql("select string_agg(what, ', ' order by what) from rows");
  const inRecovery = () => project.sql('select pg_is_in_recovery()');
  const ownWords = () => project.inVolume('cat /v/postgresql.auto.conf');

  const status = async () => JSON.parse((await odo(['status', ...names(), '--json'])).stdout);
  const following: RunningOdo[] = [];
  const follower = () => `odo-restore-${project.volume}`;

  /** Starts odo follow with a spool of two segments, and comes back when it is at work. */
  async function follow(endpoint = S3_ENDPOINT, env: NodeJS.ProcessEnv = {}): Promise<RunningOdo> {
    const running = startOdo(
      ['follow', '-u', `s3://${bucket}/backups`, ...names(), '--retry-for', '5', '--spool', '32MiB', '--json'],
      {
        env: { S3_ENDPOINT: endpoint, ...env },
      },
    );
    following.push(running);
    const ended = running.outcome.then(({ stderr }) => Promise.reject(new Error(`it ended too soon: ${stderr}`)));
    await Promise.race([until('it follows', async () => running.stderr().includes('"follow"')), ended]);
    ended.catch(() => undefined);
    return running;
  }

  /** Writes a row on the source and archives it, and waits until the standby has it. */
  async function expectToCome(what: string): Promise<void> {
    await source.sql(`insert into rows values ('${what}')`);
    await source.archiveAll();
    await until(`the standby has '${what}'`, async () => (await rows()).includes(what), 120_000);
  }

  it('without a primary holds what the archive held, and stays one over a restart', async () => {
    const receipt = await odoReceipt(args());
    expect(receipt).toMatchObject({
      standby: { hasPrimary: false },
      reached: { timeline: 1, lsn: expect.any(String) },
    });
    expect(receipt.notes.slice(-4)).toEqual([
      expect.stringMatching(/it was given no primary/),
      expect.stringMatching(/as long as this runs: odo follow -v db .* -u s3:\S+backups --endpoint/),
      expect.stringMatching(/^to make it a primary: odo promote /),
      expect.stringMatching(/^to go back to the old data: odo rollback /),
    ]);
    await project.compose('restart', '-t', '60', 'db');
    await until('the standby answers', async () => (await inRecovery().catch(() => '')) === 't');
    expect(await rows()).toBe('in the archive, in the backup');
    expect(await status()).toMatchObject({
      state: 'swapped',
      isStandby: true,
      isFollowed: false,
      advice: expect.stringMatching(/is a standby, and nobody brings it .*: odo follow does; odo promote/),
    });
    const clean = await odo(['clean', ...names()]);
    expect([clean.code, clean.stderr]).toEqual([24, expect.stringMatching(/has not finished its recovery/)]);
  });

  it('gets what is archived later from odo follow, over a loss of the engine, until it is told to end', async () => {
    const engine = await startEngineProxy(project.folder);
    const first = await follow(S3_ENDPOINT, { DOCKER_HOST: engine.host });
    await expectToCome('archived later');
    const inspected = await mustRun('docker', ['inspect', follower()]);
    for (const secret of [S3_KEYS.AWS_ACCESS_KEY_ID, S3_KEYS.AWS_SECRET_ACCESS_KEY])
      expect(inspected).not.toContain(secret);
    expect(await status()).toMatchObject({
      isStandby: true,
      isFollowed: true,
      advice: expect.stringMatching(/is at work for it/),
    });
    const others = [['follow', '-u', `s3://${bucket}/backups`], ['rollback'], ['clean']];
    for (const other of others) {
      const refused = await odo([...other, ...names()]);
      expect([refused.code, refused.stderr]).toEqual([
        24,
        expect.stringMatching(/another odo is at work: odo follow, process/),
      ]);
    }
    expect(await mustRun('docker', ['inspect', '-f', '{{.State.Running}}', follower()])).toBe('true');

    // Its container ends with the line to it.
    engine.breakFor(1000);
    await expectToCome('archived while the engine was away');
    expect(first.stderr()).toMatch(/goes on with another container as soon as there can be one/);
    first.signal('SIGTERM');
    const { code, stdout, stderr } = await first.outcome;
    await engine.close();
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'following', ended: 'told', replayLsn: expect.any(String) });
    expect(JSON.parse(stdout).walSegments).toBeGreaterThan(0);
    expect(await restoreContainers(project.volume)).toBe('');
  });

  it('waits when nobody follows, then gets the rest, over the end of its keys, a new timeline, a crash', async () => {
    // More than its spool holds.
    for (let segments = 0; segments < 3; segments++) {
      await source.sql("insert into rows values ('while nobody followed')");
      await source.archiveAll();
    }
    await project.compose('restart', '-t', '60', 'db');
    await until('the standby answers', async () => (await inRecovery().catch(() => '')) === 't');
    expect(await rows()).not.toContain('while nobody followed');
    const proxy = await startFaultProxy();
    const cutOff = await follow(proxy.endpoint);
    await proxy.goAway();
    const failed = await cutOff.outcome;
    expect([failed.code, failed.stderr]).toEqual([
      10,
      expect.stringMatching(/the server stays a standby with what it has/),
    ]);

    // From here on with keys of the machine that it runs on, which end soon and are renewed.
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-standby-'));
    const services = await startKeyServices(home, 16_000);
    const server = await startTokenServer();
    await openToEverybody(bucket);
    const noKeys = Object.fromEntries(Object.keys(S3_KEYS).map((name) => [name, undefined]));
    const none = path.join(home, 'none');
    const noFiles = { AWS_PROFILE: undefined, AWS_CONFIG_FILE: none, AWS_SHARED_CREDENTIALS_FILE: none };
    const second = await follow(server.endpoint, { ...noKeys, ...noFiles, ...services.environment('instance') });
    const atFirst = services.issued().length;
    const missed = "select count(*) from rows where what = 'while nobody followed'";
    await until('the standby has what it missed', async () => (await project.sql(missed)) === '3', 120_000);
    const later = () => services.issued().slice(atFirst);
    await until('it comes with renewed keys', async () => later().some((token) => server.seen.has(token)), 180_000);
    for (const token of services.issued().slice(0, atFirst)) server.ended.add(token);
    await source.promote();
    await expectToCome('on timeline 2');
    // What it has replayed since its last restartpoint it must have by itself.
    await project.compose('kill', '-s', 'KILL', 'db');
    await project.compose('start', 'db');
    await until('the standby answers', async () => (await inRecovery().catch(() => '')) === 't');
    await expectToCome('after a crash');

    second.signal('SIGINT');
    const { code, stderr } = await second.outcome;
    expect(code, stderr).toBe(0);
    await server.close();
    await services.close();
    fs.rmSync(home, { recursive: true });
    expect((await odo(['rollback', ...names()])).code).toBe(0);
    await until(
      'the old data is back',
      async () => (await project.sql('select what from of_the_service').catch(() => '')) === 'old',
    );
  });

  it('streams from a primary; only odo promote promotes it, which ends odo follow; no password is told', async () => {
    const outcome = await odo(args('--json'), { env: { PRIMARY_CONNINFO: conninfo } });
    expect(outcome.code, outcome.stderr).toBe(0);
    const inspected = await mustRun('docker', ['inspect', await project.containerId('db')]);
    const journal = await project.inVolume('cat /v/.odo/journal.json');
    for (const told of [outcome.stdout, outcome.stderr, inspected, journal]) expect(told).not.toContain(SECRET);
    expect(await project.inVolume('stat -c %a /v/postgresql.auto.conf')).toBe('600');
    expect(await ownWords()).toContain(SECRET);

    await source.sql("insert into rows values ('streamed, in no archive yet')");
    await until('the standby streams', async () => (await rows()).includes('streamed, in no archive yet'));
    expect(await inRecovery()).toBe('t');
    const beside = await follow();
    // It writes the file anew, without the lines that ODO's settings stand between.
    await project.sql("alter system set work_mem = '5MB'");
    expect(await ownWords()).toMatch(new RegExp(`^(?!.*>>> odo).*${SECRET}`, 's'));

    const promoted = await odo(['promote', ...names(), '--json']);
    expect(promoted.code, promoted.stderr).toBe(0);
    expect(JSON.parse(promoted.stdout)).toMatchObject({ kind: 'promotion', reached: { timeline: 3 } });
    expect(promoted.stdout).not.toContain('still sets');
    const { code, stdout, stderr } = await beside.outcome;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'following', ended: 'promoted' });
    expect(await inRecovery()).toBe('f');
    await project.sql("insert into rows values ('of its own')");
    expect(await source.sql("select count(*) from rows where what = 'of its own'")).toBe('0');
    const words = await ownWords();
    expect(words).not.toMatch(new RegExp(`${SECRET}|primary_conninfo|recovery_target|>>> odo|restore_command`));
    expect(words).toMatch(/^work_mem = '5MB'$/m);
    expect(await project.inVolume('ls -A /v | grep -c -e odo -e standby.signal; true')).toBe('0');
  });

  it('says what is wrong with what it was given of a primary, and never the text itself', async () => {
    const wrong = await odo(args('--primary-conninfo', SECRET));
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/is no connection string/)]);
    expect(wrong.stderr).not.toContain(SECRET);
    const warned = await odo(args('--dry-run', '--primary-conninfo', conninfo));
    expect([warned.code, warned.stderr]).toEqual([
      0,
      expect.stringMatching(/PRIMARY_CONNINFO in the environment is safer/),
    ]);
    expect(warned.stdout + warned.stderr).not.toContain(SECRET);
  });
});
