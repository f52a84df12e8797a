import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { afterTheProof, type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';

const IN_THE_BACKUP = /GET .*data\.tar/;
const IMAGE = 'postgres:15';
const MOUNT_AT = '/var/lib/postgresql/data';

/** What becomes of the data that was there before, with every option that has a word on it. */
describe('the old data', () => {
  let repository: ReadyRepository;
  let proxy: FaultProxy;
  let project: ComposeProject;

  beforeAll(async () => {
    repository = await readyRepository();
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
  });

  afterEach(() => proxy.close());

  const url = () => `s3://${repository.bucket}/backups/shop`;
  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => ['-u', url(), ...names(), '--retry-for', '1', ...more];
  const throughProxy = () => ({ env: { S3_ENDPOINT: proxy.endpoint } });

  const oldRows = () => project.sql('select what from old');

  async function succeed(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await odo(words);
    expect(code, stderr).toBe(0);
    return stdout;
  }

  async function failWith(
    exitCode: number,
    words: readonly string[],
    options?: Parameters<typeof odo>[1],
  ): Promise<string> {
    const { code, stderr } = await odo(words, options);
    expect(code, stderr).toBe(exitCode);
    return stderr;
  }

  const status = async () => JSON.parse(await succeed('status', ...names(), '--json'));

  describe('of a volume with room for both', () => {
    beforeAll(async () => {
      project = writeProject({ image: IMAGE, mountAt: MOUNT_AT });
      await project.up();
      await project.sql("create table old as select 'as before' as what");
    });

    afterAll(() => project?.down());

    it('is left alone when the store fails while the service goes on running, with --online', async () => {
      const before = await project.identity('db');
      proxy.fault(IN_THE_BACKUP, afterTheProof({ do: 'answer', status: 403, code: 'AccessDenied' }));
      await failWith(11, args('--online', '--discard'), throughProxy());
      expect(await project.identity('db')).toBe(before);
      expect(await oldRows()).toBe('as before');
      expect(await status()).toMatchObject({ state: 'none' });
    });

    it('stays stopped with --leave-stopped after a failure', async () => {
      proxy.fault(IN_THE_BACKUP, afterTheProof({ do: 'answer', status: 403, code: 'AccessDenied' }));
      await failWith(11, args('--leave-stopped', '--discard'), throughProxy());
      expect(await project.compose('ps', '-q', 'db')).toBe('');
      await project.up();
      expect(await oldRows()).toBe('as before');
    });

    it('is not deleted by --wipe without a word, nor when it is of another cluster', async () => {
      const before = await project.identity('db');
      expect(await failWith(2, args('--wipe'))).toContain('add --yes');
      const refusal = await failWith(24, args('--wipe', '--yes'));
      expect(refusal).toMatch(
        /the old data is of another cluster \(\d+\) than the backup \(\d+\), and --wipe would delete it/,
      );
      expect(refusal).toContain('--allow-different-cluster');
      expect(await project.identity('db')).toBe(before);
      expect(await oldRows()).toBe('as before');
    });

    it('serves until the exchange with --online, and is kept with --keep-previous', async () => {
      const looked = Promise.withResolvers<void>();
      proxy.fault(IN_THE_BACKUP, { do: 'withhold', fromByte: 500_000, until: looked.promise });
      const running = startOdo(args('--online', '--keep-previous', '--json'), throughProxy());
      await proxy.passed(IN_THE_BACKUP, 400_000);
      expect(await oldRows()).toBe('as before');
      expect(await status()).toMatchObject({ state: 'laying-down', backupId: repository.barmanId });
      expect(await oldRows()).toBe('as before');
      looked.resolve();

      const { code, stdout, stderr } = await running.outcome;
      expect(code, stderr).toBe(0);
      const { phases, downtimeMs } = JSON.parse(stdout);
      const took = (name: string) => phases.find(({ phase }: { phase: string }) => phase === name).elapsedMs;
      const order = phases.map(({ phase }: { phase: string }) => phase);
      expect(order.indexOf('stop')).toBeGreaterThan(order.indexOf('wal'));
      const whole = phases.reduce((sum: number, { elapsedMs }: { elapsedMs: number }) => sum + elapsedMs, 0);
      expect(downtimeMs).toBeLessThan(whole - took('lay-down') - took('wal'));
      expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
      expect(await status()).toMatchObject({
        state: 'swapped',
        recovered: true,
        backupId: repository.barmanId,
        incomingBytes: 0,
      });
      expect((await status()).previousBytes).toBeGreaterThan(10_000_000);
    });

    it('is not lost to a second restore', async () => {
      const before = await project.identity('db');
      const refusal = await failWith(24, args());
      expect(refusal).toMatch(
        /is the only copy of something: the old data is of another cluster.*odo clean --accept-loss removes it/s,
      );
      expect(refusal).toContain('odo rollback');
      expect(await project.identity('db')).toBe(before);
    });

    it('comes back with odo rollback, which asks first, and so does what was in use instead of it', async () => {
      await project.sql('create table weeks_of_work as select n from generate_series(1, 5000) n');
      expect(await succeed('status', ...names())).toContain('odo clean removes it, odo rollback goes back to it');
      const question = await failWith(2, ['rollback', ...names()]);
      expect(question).toMatch(/has been in use since: promoted at \S+ to timeline 2; it has written .* of WAL since/);
      expect(question).toContain('add --yes');
      const rollback = () => succeed('rollback', ...names(), '--yes');
      expect(await rollback()).toMatch(
        /^rolled back: .* holds what it held before .* and answers\nnote: what was in place is kept/,
      );
      expect(await oldRows()).toBe('as before');
      expect(await status()).toMatchObject({ state: 'swapped', situation: 'set-aside' });
      expect(await failWith(24, args())).toContain('odo clean');
      expect(await rollback()).toMatch(/^rolled back: .* holds what was restored/);
      expect(await project.sql('select count(*) from weeks_of_work')).toBe('5000');
      await rollback();
      const refused = await failWith(24, ['clean', ...names()]);
      expect(refused).toMatch(/what a rollback has set aside holds \d+ commits?.*where its timeline 2 begins/);
      expect(refused).toContain('odo rollback goes back to it; --accept-loss removes it for good');
      expect(await succeed('clean', ...names(), '--accept-loss')).toMatch(/^cleaned: [\d.]+ MiB /);
      expect(await status()).toMatchObject({ state: 'none', previousBytes: 0 });
      expect(await succeed('rollback', ...names())).toContain('nothing to roll back');
      expect(await oldRows()).toBe('as before');
    });

    it('is kept where it is of another cluster, and goes only when it is given up', async () => {
      const receipt = await odoReceipt(args());
      const because = expect.stringMatching(
        /^the old data is of another cluster \(\d+\), and holds more than an empty one$/,
      );
      expect(receipt.onlyCopy).toEqual({ because, isOfAnother: true });
      expect(receipt.notes).toContainEqual(expect.stringMatching(/odo clean .* --accept-loss removes it/));
      expect(await status()).toMatchObject({ state: 'swapped', situation: 'used', keptBecause: because });
      expect(await failWith(24, args())).toContain('is the only copy of something: the old data is of another cluster');
      const refused = await failWith(24, ['clean', ...names()]);
      expect(refused).toContain('odo rollback goes back to it; --accept-loss removes it for good');
      expect(await succeed('clean', ...names(), '--accept-loss')).toMatch(/^cleaned: [\d.]+ MiB /);
      expect(await status()).toMatchObject({ state: 'none', previousBytes: 0 });
      expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
      expect(await succeed('rollback', ...names())).toContain('nothing to roll back');
    });

    it('stays while the restored server has not recovered', async () => {
      await project.sql("create table since as select 'the restore' as what");
      const confs = path.join(project.folder, 'confs');
      fs.mkdirSync(confs);
      fs.writeFileSync(path.join(confs, 'postgresql.auto.conf'), "shared_preload_libraries = 'nosuch'\n");
      expect(await failWith(30, args('-c', confs, '--keep-settings', '--no-rehearsal'))).toContain(
        'odo rollback -v db -n db -f',
      );
      expect(await status()).toMatchObject({ state: 'swapped', recovered: false });
      expect(await failWith(24, ['clean', ...names()])).toContain('has not finished its recovery');
      expect(await succeed('rollback', ...names())).toContain('rolled back');
      await project.up();
      expect(await project.sql('select what from since')).toBe('the restore');
    });

    it('goes with --wipe where it is of the same cluster, and not what was committed since the restore', async () => {
      const words = await failWith(24, args('--wipe', '--yes'));
      expect(words).toMatch(
        /the old data holds \d+ commits?.* where its timeline \d+ begins, of which the archive has/,
      );
      expect(words).toContain('begins, of which the archive has nothing, and --wipe would delete it');
      // It was stopped before it could be judged, and started again.
      await project.up();
      expect(await project.sql('select what from since')).toBe('the restore');
      await odoReceipt(args('--wipe', '--yes', '--accept-loss'));
      expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
      expect(await project.sql("select to_regclass('since') is null")).toBe('t');
    });

    it('is not deleted where its control file cannot be read, and kept when something takes its place', async () => {
      await project.compose('stop', '-t', '60', 'db');
      const control = '/v/global/pg_control';
      await project.inVolume(`truncate -s 100 ${control}`);
      const before = await project.volumeDigest();
      expect(await failWith(24, args('--wipe', '--yes', '--accept-loss'))).toMatch(
        /cluster is not known, since its pg_control cannot be read; --wipe would delete it.*--allow-different-cluster/s,
      );
      expect(await project.volumeDigest()).toBe(before);
      await project.inVolume(`head -c 8192 /dev/urandom > ${control}`);
      const { onlyCopy, notes } = await odoReceipt(args());
      expect(onlyCopy).toMatchObject({ because: expect.stringContaining('could not be looked at'), isUnread: true });
      expect(notes.join()).toContain('the old data is kept');
      expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
      expect(await failWith(24, ['clean', ...names()])).toContain('could not be looked at');
    });
  });

  describe('of a volume that is too small for both', () => {
    let keeper: string;

    beforeAll(async () => {
      project = writeProject({ image: IMAGE, mountAt: MOUNT_AT, environment: { PGDATA: `${MOUNT_AT}/pgdata` } });
      const small = 'volumes:\n  db:\n    driver_opts: { type: tmpfs, device: tmpfs, o: "size=300m" }\n';
      fs.writeFileSync(project.file, fs.readFileSync(project.file, 'utf8').replace(/^volumes:\n {2}db:\n/m, small));
      await project.up();
      await project.sql(
        'create unlogged table filler as select repeat(md5(n::text), 60) from generate_series(1, 30000) n',
      );
      await project.sql("create table old as select 'as before' as what");
      // What lies in memory is gone with the last container that mounts it.
      const mount = `${project.volume}:/kept:ro`;
      keeper = await mustRun('docker', [
        'run',
        '-d',
        '--init',
        '--network',
        'none',
        '-v',
        mount,
        '--entrypoint',
        'sleep',
        IMAGE,
        'infinity',
      ]);
    });

    afterAll(async () => {
      if (keeper) await run('docker', ['rm', '-f', keeper]);
      await project?.down();
    });

    it('is told of before anything is touched, with both figures and the ways out', async () => {
      const before = await project.identity('db');
      const refusal = await failWith(23, args());
      expect(refusal).toMatch(/not enough disk space: [\d.]+ MiB free, [\d.]+ MiB needed/);
      expect(refusal).toMatch(/larger volume.*--wipe/);
      expect(await failWith(24, args('--wipe', '--yes'))).toContain('--allow-different-cluster');
      expect(await project.identity('db')).toBe(before);
      expect(await oldRows()).toBe('as before');
    });

    it('goes with --wipe; a disk that fills up all the same leaves what was laid down to the next run', async () => {
      const wipe = args('--wipe', '--yes', '--allow-different-cluster');
      const filled = Promise.withResolvers<void>();
      // The first range of it comes whole, and most of it does not before the disk is full.
      proxy.fault(IN_THE_BACKUP, { do: 'withhold', fromByte: 5_000_000, until: filled.promise });
      const running = startOdo(wipe, throughProxy());
      await until('something is laid down', async () => (await stagedKib()) > 1000);
      const fill =
        `cd ${MOUNT_AT}; for try in 1 2 3 4; do fallocate -l $(($(df -B1 --output=avail . | tail -n 1) - ` +
        '4194304)) filler$try; done; true';
      await run('docker', ['exec', `odo-restore-${project.volume}`, 'sh', '-c', fill]);
      filled.resolve();
      const { code, stderr } = await running.outcome;
      expect(code, stderr).toBe(23);
      expect(stderr).toContain('so the service stays stopped until a restore succeeds');
      expect(stderr).toContain('the same command goes on from there');
      expect(await project.compose('ps', '-q', 'db')).toBe('');
      expect(await succeed('rollback', ...names())).toContain('nothing to roll back');

      await project.inVolume('rm -f /v/filler*');
      const { laidDown } = await odoReceipt(wipe);
      // Less than what was seen there: of a file that is cut off, only what is compared counts.
      expect(laidDown.reusedBytes, JSON.stringify(laidDown)).toBeGreaterThan(100_000);
      expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
      expect(await status()).toMatchObject({ state: 'none' });
    });

    async function stagedKib(): Promise<number> {
      const look = 'du -sk /kept/.odo/incoming 2>/dev/null | cut -f 1';
      return Number(await mustRun('docker', ['exec', keeper, 'sh', '-c', look]));
    }
  });
});
