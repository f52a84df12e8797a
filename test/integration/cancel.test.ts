import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { type RunningOdo, startOdo } from './parts/running-odo.ts';
import { S3_KEYS } from './parts/s3.ts';
import { rememberService, restoreContainers, type ServiceBefore } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';
const SERVICE_SECRET = 'service-secret-5d1f';

describe('a restore that is interrupted, and what it tells meanwhile', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let before: ServiceBefore;
  let proxy: FaultProxy;

  beforeAll(async () => {
    ready = await readyRepository();
    project = writeProject({ image: 'postgres:15', mountAt: DATA, environment: { PAYMENT_TOKEN: SERVICE_SECRET } });
    await project.up();
    before = await rememberService(project, 'db', project.volume, DATA);
  });

  afterEach(async () => {
    await proxy?.close();
  });

  afterAll(async () => {
    await project?.down();
  });

  const args = (...more: string[]) => [
    '-u',
    `s3://${ready.bucket}/backups/shop`,
    '-v',
    'db',
    '-n',
    'db',
    '-f',
    project.file,
    '--allow-different-cluster',
    ...more,
  ];

  /** Starts a restore over a slow line, and comes back in the middle of its download. */
  async function startDownload(bytesPerSecond: number, ...more: string[]): Promise<RunningOdo> {
    proxy = await startFaultProxy();
    proxy.fault(/data\.tar/, { do: 'slow', bytesPerSecond });
    const running = startOdo(args('--endpoint', proxy.endpoint, ...more));
    await proxy.passed(/data\.tar/, 300_000);
    return running;
  }

  const noContainerLeft = () =>
    until('the restore container is gone', async () => (await restoreContainers(project.volume)) === '');

  it.each([
    ['SIGINT', [], { restarted: true, kept: true }],
    ['SIGTERM', ['--discard'], { restarted: true }],
  ] as const)('%s in the middle of the download puts the service back (%j)', async (name, more, touched) => {
    const running = await startDownload(200_000, ...more);
    const startedAt = performance.now();
    running.signal(name);
    const { code, stdout, stderr } = await running.outcome;
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(code, stderr).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/error: cancelled/);
    await before.expectAsBefore(touched);
  });

  it('a second SIGINT ends it at once; the container goes too, and the old data is untouched', async () => {
    const running = await startDownload(200_000);
    running.signal('SIGINT');
    running.signal('SIGINT');
    const { code, killedBy } = await running.outcome;
    expect([code, killedBy]).toEqual([130, null]);
    await noContainerLeft();
    await project.compose('start', 'db');
    expect(await project.inVolume('rm -rf /v/.odo; ls /v/global/pg_control')).toBe('/v/global/pg_control');
    await before.expectAsBefore({ restarted: true });
  });

  /** Every line by itself is a JSON object that says when and of what type. */
  function expectNdjson(text: string): Record<string, unknown>[] {
    const events = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    for (const event of events)
      expect(event).toMatchObject({ time: expect.stringMatching(/^\d{4}-.*Z$/), type: expect.any(String) });
    return events;
  }

  it('killed outright, it leaves no container; the next run succeeds, told in JSON; no secret anywhere', async () => {
    const killed = await startDownload(200_000);
    killed.signal('SIGKILL');
    expect((await killed.outcome).killedBy).toBe('SIGKILL');
    await noContainerLeft();
    await proxy.close();
    expect(await project.inVolume(`grep -rlE '${S3_KEYS.AWS_SECRET_ACCESS_KEY}' /v/.odo || echo none`)).toBe('none');

    const since = String(Math.floor(Date.now() / 1000));
    const running = await startDownload(1_000_000, '--json');
    const id = await restoreContainers(project.volume);
    const seen = [await mustRun('docker', ['inspect', id]), await mustRun('docker', ['top', id, '-eo', 'pid,args'])];
    const log = await run('docker', ['logs', id]);
    const { code, stdout, stderr } = await running.outcome;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'receipt', service: 'db', reached: { timeline: 2 } });
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(await project.inVolume('find /v -name .odo')).toBe('');
    expect(await project.containerId('db')).toBe(before.containerId);
    const types = new Set(expectNdjson(stderr).map(({ type }) => type));
    expect([...types].sort()).toEqual(expect.arrayContaining(['phase', 'progress', 'proof']));

    const now = String(Math.ceil(Date.now() / 1000));
    seen.push(
      stdout,
      stderr,
      log.stdout,
      log.stderr,
      await mustRun('docker', ['events', '--since', since, '--until', now, '--filter', `container=${id}`]),
    );
    expect(seen[0]).toContain(project.volume);
    expect(log.stdout).toContain('laying down');
    for (const text of seen) {
      expect(text).not.toContain(S3_KEYS.AWS_SECRET_ACCESS_KEY);
      expect(text).not.toContain(S3_KEYS.AWS_ACCESS_KEY_ID);
      expect(text).not.toContain(SERVICE_SECRET);
    }
  });

  it('--json tells a failure in JSON too, without the secret that was wrong', async () => {
    const { code, stdout, stderr } = await odo(
      args('-a', S3_KEYS.AWS_ACCESS_KEY_ID, '-s', 'wrong-secret-9c41', '--json'),
    );
    expect([code, stdout]).toEqual([11, '']);
    const events = expectNdjson(stderr);
    expect(events.at(-1)).toMatchObject({
      type: 'error',
      code: 'accessDenied',
      exitCode: 11,
      hint: expect.any(String),
    });
    expect(events[0]).toMatchObject({ type: 'note', level: 'warning' });
    expect(stderr).not.toContain('wrong-secret-9c41');
  });
});
