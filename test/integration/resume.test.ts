import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE } from '../../src/cli/settings/version.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { afterTheProof, type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { type RunningOdo, startOdo } from './parts/running-odo.ts';
import { lastSegmentOf, type SplitRepository, splitRepository } from './parts/split-repository.ts';

/**
 * A disk that is full when the new content moves in: the name `base` takes room that there is not, and from then on no
 * file can be written, until somebody removes something.
 */
const FULL_DISK = `
  import fs from 'node:fs';
  const { renameSync, writeFileSync } = fs;
  let isFull = false;
  const refuse = (what) => {
    throw Object.assign(new Error('ENOSPC: no space left on device, ' + what), { code: 'ENOSPC' });
  };
  fs.renameSync = (from, to) => {
    isFull ||= String(from).endsWith('/.odo/incoming/base');
    return isFull && String(from).includes('/.odo/incoming/') ? refuse('rename') : renameSync(from, to);
  };
  fs.writeFileSync = (...args) => (isFull ? refuse('write') : writeFileSync(...args));`;

const IN_THE_SECOND_PART = /GET .*data_0001/;

/**
 * One service, and one restore after the other that does not come to its end; the last one does, on what the others
 * have laid down.
 */
describe('a restore of a service that is interrupted', () => {
  let repository: SplitRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;

  beforeAll(async () => {
    repository = await splitRepository();
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    await project.sql("create table old as select 'as before' as what");
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
    proxy.fault(lastSegmentOf(repository), afterTheProof({ do: 'stall', afterBytes: 0 }));
  });

  afterEach(() => proxy.close());

  afterAll(() => project?.down());

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = () => ['-u', repository.url, ...names(), '--retry-for', '1', '--allow-different-cluster'];
  const start = (...more: string[]) => startOdo([...args(), ...more], { env: { S3_ENDPOINT: proxy.endpoint } });
  const container = () => `odo-restore-${project.volume}`;

  /** All is there but the last segment: WAL comes beside the parts, and a run before has left some of both. */
  async function segmentsHaveCome(running: RunningOdo): Promise<void> {
    await until('the parts are laid down', async () => running.stderr().includes('✓ laying the backup down'));
    const list = ['exec', container(), 'ls', '/var/lib/postgresql/data/.odo/spool'];
    const there = async () => (await run('docker', list)).stdout.match(/^[0-9A-F]{24}$/gm)?.length;
    await until('segments have come', async () => (await there()) === repository.segments.length - 1);
  }

  async function expectOldAndStaged(state = 'laying-down'): Promise<void> {
    await until('the old server answers', async () => {
      const asked = await run('docker', [
        'compose',
        '-f',
        project.file,
        'exec',
        '-T',
        'db',
        'pg_isready',
        '-q',
        '-h',
        '127.0.0.1',
      ]);
      return asked.code === 0;
    });
    expect(await project.sql('select what from old')).toBe('as before');
    expect(JSON.parse(await status())).toMatchObject({ kind: 'status', state, backupId: repository.splitId });
  }

  async function status(): Promise<string> {
    const { code, stdout, stderr } = await odo(['status', ...names(), '--json']);
    expect(code, stderr).toBe(0);
    return stdout;
  }

  it('by a store that goes away: exit code 10', async () => {
    // One part after the other: the first is whole when the second comes.
    const running = start('--memory', '192M');
    await proxy.passed(IN_THE_SECOND_PART, 5_000_000);
    await proxy.goAway();
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(10);
    expect(stderr).toContain('the same command goes on from there, odo clean removes it');
    await expectOldAndStaged();
  });

  it('by Ctrl-C: exit code 130', async () => {
    const running = start();
    await segmentsHaveCome(running);
    running.signal('SIGINT');
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('the same command goes on from there');
    expect(proxy.count(/GET .*data\.tar/).bytes).toBeLessThan(100_000);
    await expectOldAndStaged();
  });

  it('by the end of its container: exit code 20', async () => {
    const running = start();
    await segmentsHaveCome(running);
    await mustRun('docker', ['kill', container()]);
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(20);
    expect(stderr).toContain('was killed');
    await expectOldAndStaged();
  });

  it('by kill -9 of the command: its container ends within seconds', async () => {
    const running = start();
    await segmentsHaveCome(running);
    running.signal('SIGKILL');
    expect(await running.outcome).toMatchObject({ killedBy: 'SIGKILL' });
    await until(
      'the restore container is gone',
      async () => (await mustRun('docker', ['ps', '-aq', '--filter', `name=^${container()}$`])) === '',
      10_000,
    );
    await mustRun('docker', ['compose', '--progress', 'quiet', '-f', project.file, 'start', 'db']);
    await expectOldAndStaged();
  });

  it('by a disk that is full in the middle of the exchange: exit code 23', async () => {
    proxy.fault(lastSegmentOf(repository), { do: 'wait', forMs: 0 });
    const image = `odo-test-full:${OWN}`;
    const options = `--import=data:text/javascript,${encodeURIComponent(FULL_DISK)}`;
    await mustRun('docker', ['build', '-q', '-t', image, '-'], {
      input: `FROM ${DEFAULT_IMAGE}\nENV NODE_OPTIONS=${options.replaceAll("'", '%27')}\n`,
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    });
    try {
      const { code, stderr } = await start('--image', image).outcome;
      expect(code, stderr).toBe(23);
      expect(stderr).toContain('the same command goes on from there, odo clean removes it');
      expect(stderr).toMatch(/exchanging old and new data/);
    } finally {
      await run('docker', ['rmi', '-f', image]);
    }
    await expectOldAndStaged('staged');
  });

  it('comes to its end at last without fetching again what is there', async () => {
    proxy.fault(lastSegmentOf(repository), { do: 'wait', forMs: 0 });
    const { laidDown } = await odoReceipt(args(), { env: { S3_ENDPOINT: proxy.endpoint } });
    expect(laidDown.reusedParts).toBe(repository.parts.length);
    expect(laidDown.reusedSegments).toBe(repository.segments.length);
    expect(proxy.count(/GET .*data/).bytes).toBeLessThan(100_000);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.digest);
    expect(await project.sql('select count(*) from much_noise')).toBe('30000');
    expect(JSON.parse(await status())).toMatchObject({
      state: 'none',
      incomingBytes: 0,
      spoolBytes: 0,
      previousBytes: 0,
    });
  });
});
