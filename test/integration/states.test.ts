import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';

const IN_THE_BACKUP = /GET .*data\.tar/;
const MOUNT_AT = '/var/lib/postgresql/data';
const PAUSING = ['--target', 'immediate', '--target-action', 'pause'];

/**
 * What one command leaves is what the next one finds, and people do something in between. One service goes through it
 * all; its data directory is not the root of its volume, so that an image's entry point would begin a new cluster
 * wherever it is empty.
 */
describe('commands one after the other', () => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;
  let laidDown: PromiseWithResolvers<void>;

  beforeAll(async () => {
    repository = await readyRepository();
    project = writeProject({ image: 'postgres:15', mountAt: MOUNT_AT, environment: { PGDATA: `${MOUNT_AT}/pg` } });
    await project.up();
    // Of another cluster than the backup.
    await project.sql("create table old as select 'as before' as what");
  });

  afterAll(() => project?.down());

  beforeEach(async () => {
    proxy = await startFaultProxy();
    laidDown = Promise.withResolvers();
  });

  afterEach(() => proxy.close());

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => ['-u', `s3://${repository.bucket}/backups/shop`, ...names(), ...more];
  const oldRows = () => project.sql('select what from old');
  const status = () => odoReceipt(['status', ...names()]);

  async function outcomeOf(words: readonly string[]): Promise<{ code: number | null; told: string }> {
    const { code, stdout, stderr } = await odo(words);
    return { code, told: stdout + stderr };
  }

  /** Comes back when a restore has laid down some, and is held there until laidDown is resolved. */
  async function startHeld(...more: string[]) {
    proxy.fault(IN_THE_BACKUP, { do: 'withhold', fromByte: 500_000, until: laidDown.promise });
    const running = startOdo(args(...more), { env: { S3_ENDPOINT: proxy.endpoint } });
    const ended = running.outcome.then(({ stderr }) => Promise.reject(new Error(`it ended too soon: ${stderr}`)));
    await Promise.race([proxy.passed(IN_THE_BACKUP, 400_000), ended]);
    ended.catch(() => undefined);
    return running;
  }

  /** Nobody can delete such a file: a deletion comes to its end there. */
  async function setImmutable(flag: '+i' | '-i', file: string): Promise<void> {
    const how = ['--rm', '--network', 'host', '--cap-add', 'LINUX_IMMUTABLE', '-v', `${project.volume}:/v`];
    await mustRun('docker', ['run', ...how, '--entrypoint', 'chattr', 'postgres:15', flag, `/v/${file}`]);
  }

  it('--wipe is refused for old data of another cluster, also while a restored server waits in its place', async () => {
    await odoReceipt(args(...PAUSING));
    const before = await project.identity('db');
    const { code, told } = await outcomeOf(args('--wipe', '--yes', ...PAUSING));
    expect(code, told).toBe(24);
    expect(told).toMatch(/of another cluster.*--allow-different-cluster/s);
    expect(await project.identity('db')).toBe(before);
    const { situation, previousBytes } = await status();
    expect(situation).toBe('waiting');
    expect(previousBytes).toBeGreaterThan(10_000_000);
  });

  it('odo promote keeps old data of another cluster, with the reason, and a rollback leads back to it', async () => {
    const because = expect.stringMatching(/^the old data is of another cluster/);
    expect(await odoReceipt(['promote', ...names()])).toMatchObject({ kind: 'promotion', onlyCopy: { because } });
    expect(await status()).toMatchObject({ situation: 'used', keptBecause: because });
    const refused = await outcomeOf(['clean', ...names()]);
    expect(refused.code, refused.told).toBe(24);
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await oldRows()).toBe('as before');
    // Nothing was committed on what was restored, so that nothing is lost with it.
    expect((await outcomeOf(['clean', ...names()])).code).toBe(0);
    await odoReceipt(args(...PAUSING));
  });

  it('a server that waits is stopped before its old data comes back, with --online, too', async () => {
    const { phases } = await odoReceipt(args('--online', '--keep-previous'));
    const order = phases.map(({ phase }: { phase: string }) => phase);
    expect(order.indexOf('stop')).toBeLessThan(order.indexOf('lay-down'));
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await oldRows()).toBe('as before');
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
  });

  it('a rollback killed behind its exchange is finished by the same command, and only another goes back', async () => {
    const isOld = async () => (await project.sql("select to_regclass('old') is not null")) === 't';
    let isUntold = false;
    for (let tries = 0; tries < 5 && !isUntold; tries++) {
      const run = startOdo(['rollback', ...names(), '--yes', '--json']);
      await until(
        'the service is started',
        async () => run.stderr().includes('"phase":"start","state":"finished"'),
        60_000,
      );
      run.signal('SIGKILL');
      const { killedBy, stdout } = await run.outcome;
      // One that has told of its end is over, also when it dies in its last moment.
      isUntold = killedBy === 'SIGKILL' && stdout === '';
    }
    expect(isUntold, 'each of them was faster than its death').toBe(true);
    await until(
      'a server answers',
      () =>
        isOld().then(
          () => true,
          () => false,
        ),
      60_000,
    );
    const wasOld = await isOld();
    const { rolledBack, inPlace, notes } = await odoReceipt(['rollback', ...names(), '--yes']);
    expect({ rolledBack, inPlace }).toEqual({ rolledBack: true, inPlace: wasOld ? 'before' : 'restored' });
    expect(notes.join()).toContain('broken off after its exchange');
    expect(await isOld()).toBe(wasOld);
    do await odoReceipt(['rollback', ...names(), '--yes']);
    while (await isOld());
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
  });

  it('a signal file that somebody puts into a server in use does not make it a restore to take back', async () => {
    await project.sql("create table since as select 'weeks of work' as what");
    await project.compose('stop', 'db');
    await project.inVolume('touch /v/pg/standby.signal');
    const refusal = await outcomeOf(args());
    expect(refusal.code, refusal.told).toBe(24);
    expect(refusal.told).toContain('has been in use since');
    expect((await status()).situation).toBe('used');
    await project.inVolume('rm /v/pg/standby.signal');
    await project.up();
    expect(await project.sql('select what from since')).toBe('weeks of work');
  });

  it('what is left of a clean-up that was cut is never put in place, and cleaned by the same command', async () => {
    const file = '.odo/previous/base/1/PG_VERSION';
    await setImmutable('+i', file);
    try {
      const cut = await outcomeOf(['clean', ...names(), '--accept-loss']);
      expect(cut.code, cut.told).not.toBe(0);
      const { situation, advice } = await status();
      expect(situation).toBe('clearing');
      expect(advice).not.toContain('odo rollback');
      const rolledBack = await outcomeOf(['rollback', ...names()]);
      expect(rolledBack).toEqual({ code: 0, told: expect.stringMatching(/^nothing to roll back/m) });
      expect(await project.sql('select what from since')).toBe('weeks of work');
    } finally {
      await setImmutable('-i', file);
    }
    expect(await outcomeOf(['clean', ...names(), '--accept-loss'])).toEqual({
      code: 0,
      told: expect.stringMatching(/^cleaned: /m),
    });
    expect(await status()).toMatchObject({ situation: 'untouched', previousBytes: 0 });
    expect(await project.sql('select what from since')).toBe('weeks of work');
  });

  it.each([
    { when: 'while the backup is laid down', more: [] },
    { when: 'while it serves on, with --online', more: ['--online'] },
  ])('a service whose container compose makes anew $when comes up on what was restored', async ({ more }) => {
    const running = await startHeld('--accept-loss', ...more);
    await project.compose('up', '-d', '--force-recreate', 'db');
    laidDown.resolve();
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    expect(await project.sql("select to_regclass('since') is null")).toBe('t');
  });

  it('Ctrl-C is told as that where compose has removed the container meanwhile', async () => {
    const running = await startHeld();
    await project.compose('rm', '-sf', 'db');
    running.signal('SIGINT');
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/could not be started again.*docker compose -f .* up -d db/s);
    expect(stderr).toContain('what was laid down is kept');
    expect(await outcomeOf(['rollback', ...names()])).toEqual({
      code: 0,
      told: expect.stringMatching(/^nothing to roll back: .*\nnote: service db has no container, and is not started$/m),
    });
    await project.up();
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    expect((await outcomeOf(['clean', ...names()])).code).toBe(0);
  });

  it('no server is started, nor a new cluster begun, where a cancelled restore leaves no data', async () => {
    await project.compose('stop', 'db');
    await project.inVolume('rm -rf /v/pg');
    const { notes } = await odoReceipt(args(...PAUSING));
    expect(notes.at(-1)).toBe('there is no way back: there was no data before');
    const started = await startHeld(...PAUSING, '--set', 'work_mem=9MB');
    started.signal('SIGINT');
    const { code, stderr } = await started.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('there is no data in place, so the service stays stopped');
    expect(await mustRun('docker', ['inspect', '-f', '{{.State.Running}}', await project.containerId('db')])).toBe(
      'false',
    );

    // Whoever starts it all the same gets no empty cluster either.
    await project.compose('up', '-d', 'db');
    const db = await project.containerId('db');
    await until(
      'it ends',
      async () => (await mustRun('docker', ['inspect', '-f', '{{.State.Status}}', db])) === 'exited',
    );
    expect(await project.inVolume('ls /v/pg')).toBe('PG_VERSION');
    expect(await outcomeOf(['rollback', ...names()])).toEqual({
      code: 0,
      told: expect.stringContaining('is not started'),
    });
    await odoReceipt(args());
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    expect((await status()).situation).toBe('untouched');
  });

  it('old data that a cancelled --wipe has deleted is not promised by what comes after it', async () => {
    const wiping = await startHeld('--wipe', '--yes', '--accept-loss');
    wiping.signal('SIGINT');
    const { code, stderr } = await wiping.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('the old data was deleted beforehand (--wipe), so the service stays stopped');
    const { notes } = await odoReceipt(args(...PAUSING));
    expect(notes.at(-1)).toBe('there is no way back: the old data was deleted beforehand (--wipe)');
    expect(notes.join()).not.toMatch(/odo rollback|puts the old data back/);
    const { situation, wiped, advice } = await status();
    expect({ situation, wiped }).toEqual({ situation: 'waiting-alone', wiped: true });
    expect(advice).toMatch(/^(?!.*odo rollback).* \(the old data was deleted beforehand, --wipe\)$/);
    expect(await outcomeOf(['rollback', ...names()])).toEqual({
      code: 0,
      told: expect.stringMatching(/^nothing to roll back/m),
    });
    expect(await project.sql('select pg_is_in_recovery()')).toBe('t');
  });
});
