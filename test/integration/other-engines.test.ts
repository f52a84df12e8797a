import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE } from '../../src/cli/settings/version.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { madeRelease } from './parts/release.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';

const IN_THE_BACKUP = /GET .*data\.tar/;
const SCRIPT = new URL('../../scripts/parts/other-engine', import.meta.url).pathname;
const IMAGE = 'postgres:15';

/** What people run besides the engine that all other tests are made on. */
describe.each([
  { name: 'docker', about: 'Docker of the newest release', version: /^2[89]\./ },
  { name: 'podman', about: "Podman's service for Docker's clients", version: /^5\./ },
])('$about', ({ name, version }) => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;
  const usual = process.env.DOCKER_HOST;

  beforeAll(async () => {
    repository = await readyRepository();
    const socket = await mustRun(SCRIPT, [name, 'start']);
    const load = `docker save ${IMAGE} ${DEFAULT_IMAGE} | DOCKER_HOST=unix://${socket} docker load`;
    await mustRun('sh', ['-c', load]);
    process.env.DOCKER_HOST = `unix://${socket}`;
    expect(await mustRun('docker', ['version', '-f', '{{.Server.Version}}'])).toMatch(version);
    project = writeProject({ image: IMAGE, mountAt: '/var/lib/postgresql/data', ownCluster: true });
    await project.up();
    await project.sql("create table old as select 'as before' as what");
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
  });

  afterEach(() => proxy.close());

  afterAll(async () => {
    await project?.down();
    if (usual === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = usual;
    await run(SCRIPT, [name, 'stop']);
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => ['-u', `s3://${repository.bucket}/backups/shop`, ...names(), ...more];
  const throughProxy = () => ({ env: { S3_ENDPOINT: proxy.endpoint } });
  const containers = async (label: string) => mustRun('docker', ['ps', '-aq', '--filter', `label=${label}`]);

  it('holds every check, and refuses a network that is not there by its name', async () => {
    const checked = await odo(['check', ...args()]);
    expect(checked.code, checked.stderr).toBe(0);
    const refused = await odo(args('--network', 'nonet'));
    expect(refused.code, refused.stderr).toBeGreaterThan(1);
    expect(refused.stderr).toMatch(/error: .*nonet/);
    expect(refused.stderr).toContain('hint: ');
    expect(await project.sql('select what from old')).toBe('as before');
  });

  it('takes the image of a release, knows it again, and lets go of the tag of another', async () => {
    const folder = await madeRelease();
    const image = `odo-test-release:${OWN}`;
    await mustRun('docker', ['tag', IMAGE, image]);
    const load = () => run(path.join(folder, 'odo-linux-x64'), ['image', 'load', '--yes', '--image', image]);
    const loaded = await load();
    expect(loaded.code, loaded.stderr).toBe(0);
    expect(loaded.stderr).toMatch(new RegExp(`the tag ${image} will be moved from image [0-9a-f]{12} `));
    expect(loaded.stdout).toMatch(/^loaded: /);
    expect((await load()).stdout).toMatch(/^nothing to load: /);
  });

  it('lets one ODO work at a time, and Ctrl-C leaves the old data running', async () => {
    let isSlow = true;
    proxy.fault(IN_THE_BACKUP, () => (isSlow ? { do: 'slow', bytesPerSecond: 20_000 } : undefined));
    const first = startOdo(args(), throughProxy());
    await proxy.passed(IN_THE_BACKUP, 100_000);
    const second = await odo(args());
    expect(second.code, second.stderr).toBe(24);
    expect(second.stderr).toContain('another odo');
    first.signal('SIGINT');
    const { code, stderr } = await first.outcome;
    isSlow = false;
    expect(code, stderr).toBe(130);
    await until(
      'the server answers',
      async () => (await run('docker', ['exec', `${project.name}-db-1`, 'pg_isready', '-q'])).code === 0,
    );
    expect(await project.sql('select what from old')).toBe('as before');
    await until('no restore container is left', async () => (await containers('odo.role')) === '');
  });

  it('restores, goes back, and cleans up', async () => {
    const receipt = await odoReceipt(args('--keep-previous'));
    expect(receipt.reached.timeline).toBe(2);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    const back = await odo(['rollback', ...names(), '--yes']);
    expect(back.code, back.stderr).toBe(0);
    expect(await project.sql('select what from old')).toBe('as before');
    const cleaned = await odo(['clean', ...names(), '--accept-loss']);
    expect(cleaned.code, cleaned.stderr).toBe(0);
    expect(JSON.parse((await odo(['status', ...names(), '--json'])).stdout)).toMatchObject({ state: 'none' });
    await odoReceipt(args('--allow-different-cluster'));
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    expect(await project.inVolume('ls -A /v | grep odo || echo none')).toBe('none');
  });

  it('runs a second database beside it for a while', async () => {
    const { temporary } = await odoReceipt(args('--temporary'));
    const { servers } = JSON.parse((await odo(['temporary', 'list', '--json'])).stdout);
    expect(servers.map(({ name }: { name: string }) => name)).toEqual([temporary.name]);
    const stopped = await odo(['temporary', 'stop', temporary.name, '--yes']);
    expect(stopped.code, stopped.stderr).toBe(0);
    expect(await containers('odo.role')).toBe('');
  });
});
