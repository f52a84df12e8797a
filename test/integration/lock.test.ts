import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE } from '../../src/cli/settings/version.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { readObject, S3_KEYS } from './parts/s3.ts';

const IN_THE_BACKUP = /GET .*data\.tar/;
const HOLDER = /process \d+ on \S+ since \d{4}-\d\d-\d\dT/;

/** As an engine that goes down may leave a restore container. */
const LEFT = ['--label', 'odo.role=restore', '--label', 'odo.holder=process 1 on nowhere'];

/** Two at once never work on the same data, and a crash leaves nothing that keeps the next one off. */
describe('the lock', () => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;
  let scratch: string;
  let container: string;
  let other: ComposeProject;
  let otherCreatedAt: number;

  beforeAll(async () => {
    repository = await readyRepository();
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-lock-'));
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    container = `odo-restore-${project.volume}`;
    other = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await other.compose('create');
    // Made now, so that it is old enough when its turn comes.
    await mustRun('docker', ['create', '--name', `odo-restore-${other.volume}`, ...LEFT, DEFAULT_IMAGE]);
    otherCreatedAt = Date.now();
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
  });

  afterEach(() => proxy.close());

  afterAll(async () => {
    await run('docker', ['rm', '-f', container, `odo-restore-${other?.volume}`]);
    await project?.down();
    await other?.down();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  const url = () => `s3://${repository.bucket}/backups/shop`;
  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const throughProxy = () => ({ env: { S3_ENDPOINT: proxy.endpoint } });

  it('of a volume: the second restore and a clean-up are refused, and the first goes on', async () => {
    let isSlow = true;
    proxy.fault(IN_THE_BACKUP, () => (isSlow ? { do: 'slow', bytesPerSecond: 20_000 } : undefined));
    const first = startOdo(['-u', url(), ...names()], throughProxy());
    await proxy.passed(IN_THE_BACKUP, 100_000);

    const config = JSON.parse(await mustRun('docker', ['inspect', container]))[0];
    expect(config.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      AutoRemove: true,
      Privileged: false,
    });
    expect(config.HostConfig.CapAdd.map((name: string) => name.replace('CAP_', '')).sort()).toEqual([
      'CHOWN',
      'DAC_OVERRIDE',
      'FOWNER',
    ]);
    expect(config.HostConfig.SecurityOpt).toContain('no-new-privileges');
    expect(config.Mounts.map(({ Name }: { Name: string }) => Name)).toEqual([project.volume]);
    expect(JSON.stringify(config)).not.toContain(S3_KEYS.AWS_SECRET_ACCESS_KEY);
    expect(JSON.stringify(config)).not.toContain(S3_KEYS.AWS_ACCESS_KEY_ID);

    const second = await odo(['-u', url(), ...names()]);
    expect(second.code, second.stderr).toBe(24);
    expect(second.stderr).toMatch(new RegExp(`error: another odo is at work: ${HOLDER.source}`));
    expect(second.stderr).not.toContain('docker stop');
    const cleaning = await odo(['clean', ...names()]);
    expect(cleaning.code, cleaning.stderr).toBe(24);
    expect(cleaning.stderr).toMatch(HOLDER);
    const looking = await odo(['status', ...names()]);
    expect(looking.code, looking.stderr).toBe(0);
    expect(looking.stdout).toContain('laying-down');

    // What is under way breaks, and is asked for again at full speed.
    isSlow = false;
    proxy.breakAll();
    const { code, stderr } = await first.outcome;
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
  });

  it('of a volume: a container that an engine left behind does not keep it', async () => {
    await mustRun('docker', ['run', '--name', container, ...LEFT, '--entrypoint', 'true', DEFAULT_IMAGE]);
    expect(await odo(['check', '-u', url(), ...names()])).toMatchObject({ code: 0 });
    expect((await run('docker', ['inspect', container])).code).not.toBe(0);
  });

  it('of a volume: somebody else’s container of that name stays', async () => {
    await mustRun('docker', ['run', '--name', container, '--entrypoint', 'true', DEFAULT_IMAGE]);
    expect(await odo(['check', '-u', url(), ...names()])).toMatchObject({ code: 24 });
    await mustRun('docker', ['rm', container]);
  });

  it('of a directory: the second restore is refused, and the first goes on', async () => {
    const into = path.join(scratch, 'twice');
    const refused = Promise.withResolvers<void>();
    proxy.fault(IN_THE_BACKUP, { do: 'withhold', fromByte: 1_000_000, until: refused.promise });
    const first = startOdo(['-u', url(), '--into', into], throughProxy());
    await proxy.passed(IN_THE_BACKUP, 900_000);
    const second = await odo(['-u', url(), '--into', into]);
    expect(second.code, second.stderr).toBe(24);
    expect(second.stderr).toMatch(new RegExp(`another odo is at work in ${into}/.odo: ${HOLDER.source}`));
    refused.resolve();
    const { code, stderr } = await first.outcome;
    expect(code, stderr).toBe(0);
    expect(fs.readdirSync(path.join(into, '.odo'))).not.toContain('lock');
  });

  it('of a directory: a crashed holder’s is taken over, at once where its process can be seen to be gone', async () => {
    const into = path.join(scratch, 'crashed');
    const crashed = Promise.withResolvers<void>();
    const { length } = await readObject(repository.bucket, `backups/shop/base/${repository.barmanId}/data.tar.gz`);
    proxy.fault(IN_THE_BACKUP, { do: 'withhold', fromByte: length - 500_000, until: crashed.promise });
    const first = startOdo(['-u', url(), '--into', into], throughProxy());
    const incoming = path.join(into, '.odo', 'incoming');
    await until(
      'files are laid down',
      async () => fs.existsSync(incoming) && fs.readdirSync(incoming, { recursive: true }).length > 200,
    );
    first.signal('SIGKILL');
    await first.outcome;
    crashed.resolve();
    const lock = path.join(into, '.odo', 'lock');
    expect(fs.readFileSync(lock, 'utf8')).toMatch(HOLDER);
    const startedAt = Date.now();
    expect(await odo(['check', '-u', url(), '--into', into])).toMatchObject({ code: 0 });
    expect(Date.now() - startedAt).toBeLessThan(7_000);

    // Of another machine nothing can be seen but that it has been silent.
    const longAgo = new Date(Date.now() - 31_000);
    fs.writeFileSync(lock, 'process 1 on elsewhere since long ago');
    fs.utimesSync(lock, longAgo, longAgo);
    expect((await odoReceipt(['-u', url(), '--into', into])).laidDown.reusedBytes).toBeGreaterThan(0);
    expect(fs.existsSync(lock)).toBe(false);
  });

  it('of a volume: a container that was made and never started does not keep it', async () => {
    const check = () => odo(['check', '-u', url(), '-v', 'db', '-n', 'db', '-f', other.file]);
    await sleep(Math.max(0, otherCreatedAt + 31_000 - Date.now()));
    expect(await check()).toMatchObject({ code: 0 });
  });
});
