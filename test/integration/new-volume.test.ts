import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { afterTheProof, startFaultProxy } from './parts/fault-proxy.ts';
import { killedAtUp } from './parts/killed-at-up.ts';
import { ODO, odo, odoReceipt } from './parts/odo.ts';
import { startPlainServer } from './parts/plain-server.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { restoreContainers } from './parts/service-before.ts';
import { inVolume } from './parts/volume-shell.ts';

const DATA = '/var/lib/postgresql/data';

/** Fails, or hangs, in a way that a trial beside the service cannot foresee. */
const START = `asked() { grep -q "$1" "$PGDATA/postgresql.auto.conf" 2>/dev/null; }
if asked refuse_me; then exit 7; fi
if asked hang_on; then trap exit INT TERM; sleep 600 & wait; fi
exec docker-entrypoint.sh "$@"
`;

/** A restore to a volume that is new, and the service going over to it and back. */
describe('a new volume', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let made: string[];

  beforeAll(async () => {
    ready = await readyRepository();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: '      - ./start.sh:/etc/start.sh:ro\n    entrypoint: ["sh", "/etc/start.sh"]\n    command: ["postgres"]',
    });
    const volumes = ['alone', 'switched', 'full', 'failed', 'cancelled', 'foreign', 'first', 'second', 'killed'];
    made = [...volumes, 'hanging', 'halfway'].map((name) => `${project.name}-${name}`);
    fs.writeFileSync(path.join(project.folder, 'start.sh'), START);
    await project.up();
    await project.sql("create table of_the_service as select 'old' as what");
  });

  afterAll(async () => {
    await project?.down();
    for (const volume of made ?? []) await run('docker', ['volume', 'rm', '-f', volume]);
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (name: string, ...more: string[]) => [
    '-u',
    `s3://${ready.bucket}/backups`,
    ...names(),
    '-V',
    `${project.name}-${name}`,
    ...more,
  ];
  /** From a set, which takes less time. */
  const switching = (name: string, ...more: string[]) => [
    ...['-u', `s3://${ready.bucket}/sets`, ...names()],
    ...['-V', `${project.name}-${name}`, '--switch', ...more],
  ];
  const override = () => path.join(project.folder, 'compose.odo.yaml');
  const mountedNow = async () =>
    mustRun('docker', [
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}}{{end}}{{end}}',
      await project.containerId('db'),
    ]);
  const isThere = async (volume: string) => (await run('docker', ['volume', 'inspect', volume])).code === 0;
  const containersOf = (volume: string) => mustRun('docker', ['ps', '-aq', '--filter', `volume=${volume}`]);
  const answers = () =>
    until('the service answers', async () => (await project.sql('select 1').catch(() => '')) === '1');

  /** Kills a restore of the service, which is on this volume, while it lays down, and its container with it. */
  async function killWhileLayingDown(volume: string): Promise<void> {
    const proxy = await startFaultProxy();
    try {
      const part = /GET .*data\.tar/;
      proxy.fault(part, afterTheProof({ do: 'stall', afterBytes: 300_000 }));
      const env = { S3_ENDPOINT: proxy.endpoint };
      const running = startOdo(['-u', `s3://${ready.bucket}/backups`, ...names()], { env });
      await proxy.passed(part, 300_000);
      running.signal('SIGKILL');
      expect(await running.outcome).toMatchObject({ killedBy: 'SIGKILL' });
      await until('its container has ended', async () => (await restoreContainers(volume)) === '');
    } finally {
      await proxy.close();
    }
  }

  it('gets the cluster, recovered and promoted, while the service runs on as if nothing were', async () => {
    const identity = await project.identity('db');
    const receipt = await odoReceipt(args('alone', '--set', 'work_mem=6MB'));
    const [volume] = made as [string];
    expect(receipt).toMatchObject({ volume, service: 'db', reached: { timeline: 2 } });
    expect(receipt).not.toHaveProperty('downtimeMs');
    expect(receipt.notes.join('\n')).toMatch(
      new RegExp(`service db was left alone.*"name: ${volume}" and "external: true"`),
    );
    expect(await project.identity('db')).toBe(identity);
    expect(await project.sql('select what from of_the_service')).toBe('old');
    expect([await containersOf(volume), fs.existsSync(override())]).toEqual(['', false]);

    const server = await startPlainServer({ image: 'postgres:15', mount: `${volume}:${DATA}` });
    try {
      await server.promoted();
      expect(await server.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
      expect(await server.sql("select current_setting('archive_mode'), current_setting('work_mem')")).toBe('off|6MB');
      expect(
        await server.sql("select count(*) from pg_ls_dir('.') as name where name in ('.odo', 'recovery.signal')"),
      ).toBe('0');
    } finally {
      await server.remove();
    }
  });

  it('is refused when it holds anything, or when the override file is not ODO’s', async () => {
    const full = `${project.name}-full`;
    await inVolume(full, 'echo x > /v/precious', 'postgres:15');
    const refused = await odo(args('full'));
    expect([refused.code, refused.stderr]).toEqual([
      24,
      expect.stringMatching(/volume \S+-full is not empty: it holds precious/),
    ]);
    const own = await odo(['-u', `s3://${ready.bucket}/backups`, ...names(), '-V', project.volume]);
    expect([own.code, own.stderr]).toEqual([24, expect.stringMatching(/volume \S+_db is in use by /)]);

    fs.writeFileSync(override(), 'services: {}\n');
    const foreign = await odo(args('foreign', '--switch'));
    fs.rmSync(override());
    expect([foreign.code, foreign.stderr]).toEqual([
      21,
      expect.stringMatching(/compose\.odo\.yaml is not as ODO wrote it/),
    ]);
    expect(await isThere(`${project.name}-foreign`)).toBe(false);
    expect(await project.sql('select what from of_the_service')).toBe('old');
  });

  it('is removed again, and the service left alone, when the restore is cancelled', async () => {
    const identity = await project.identity('db');
    const volume = `${project.name}-cancelled`;
    // A server that lets nobody in for half a minute cannot be done before it is cancelled.
    const running = startOdo(args('cancelled', '--switch', '--set', 'pre_auth_delay=30'));
    let ended = false;
    const outcome = running.outcome.finally(() => {
      ended = true;
    });
    await until(
      'the trial runs',
      async () => ended || (await mustRun('docker', ['ps', '-q', '--filter', `name=odo-trial-${volume}`])) !== '',
    );
    running.signal('SIGINT');
    expect((await outcome).code).toBe(130);
    expect([await containersOf(volume), await isThere(volume), fs.existsSync(override())]).toEqual(['', false, false]);
    expect(await project.identity('db')).toBe(identity);
  });

  it('is made anew by the same command after the one that tried it out was killed', async () => {
    const volume = `${project.name}-killed`;
    const trial = `odo-trial-${volume}`;
    const running = startOdo(args('killed', '--set', 'pre_auth_delay=30'));
    const isTried = async () => (await mustRun('docker', ['ps', '-q', '--filter', `name=${trial}`])) !== '';
    await until('the trial runs', isTried);
    running.signal('SIGKILL');
    await running.outcome;
    await until('its container has ended', async () => (await restoreContainers(volume)) === '');
    expect(await isTried()).toBe(true);
    await odoReceipt(args('killed'));
    expect([await containersOf(volume), await isThere(volume)]).toEqual(['', true]);
    const again = await odo(args('killed'));
    expect([again.code, again.stderr]).toEqual([
      24,
      expect.stringMatching(/an earlier run has finished: to bring the service/),
    ]);
    expect(await isThere(volume)).toBe(true);
  });

  it('is given up by a service that does not come up on it', async () => {
    const volume = `${project.name}-failed`;
    const { code, stderr } = await odo(args('failed', '--switch', '--set', 'cluster_name=refuse_me'));
    expect([code, stderr]).toEqual([
      30,
      expect.stringMatching(/error: the server stopped during recovery \(status 7\)/),
    ]);
    expect(stderr).toMatch(
      new RegExp(`service db is back on the volume that it had\n.*volume ${volume} holds the restored cluster`),
    );
    await answers();
    expect([await mountedNow(), await project.sql('select what from of_the_service')]).toEqual([project.volume, 'old']);
    expect([fs.existsSync(override()), await isThere(volume)]).toEqual([false, true]);
  });

  it('is left again when the switch to it is cancelled, and the same command says what it holds', async () => {
    const volume = `${project.name}-hanging`;
    const running = startOdo(switching('hanging', '--set', 'cluster_name=hang_on'));
    let ended = false;
    const outcome = running.outcome.finally(() => {
      ended = true;
    });
    await until('the service hangs on it', async () => ended || (await mountedNow().catch(() => '')) === volume);
    running.signal('SIGINT');
    const { code, stderr } = await outcome;
    expect([code, stderr]).toEqual([
      130,
      expect.stringMatching(
        new RegExp(`service db is back on the volume that it had\n.*volume ${volume} holds the restored cluster`),
      ),
    ]);
    await answers();
    expect([await mountedNow(), await project.sql('select what from of_the_service')]).toEqual([project.volume, 'old']);
    expect([fs.existsSync(override()), await isThere(volume)]).toEqual([false, true]);
    const again = await odo(switching('hanging', '--set', 'cluster_name=hang_on'));
    expect([again.code, again.stderr]).toEqual([
      24,
      expect.stringMatching(new RegExp(`a copy that an earlier run has finished: to bring the .*"name: ${volume}"`)),
    ]);
  });

  it('is not gone over to by itself after a kill between the override and the start', async () => {
    const volume = `${project.name}-halfway`;
    const killed = startOdo(switching('halfway'), { env: killedAtUp(project.folder) });
    expect(await killed.outcome).toMatchObject({ killedBy: 'SIGKILL' });
    expect([await mountedNow(), fs.existsSync(override())]).toEqual([project.volume, true]);
    const again = await odo(switching('halfway'));
    expect([again.code, again.stderr]).toEqual([
      21,
      expect.stringMatching(new RegExp(`runs on ${project.volume}, and .* leads it to ${volume}`)),
    ]);
    expect(again.stderr).toMatch(new RegExp(`to stay on ${project.volume}: odo rollback; to go over to ${volume}: `));

    const { code, stdout } = await odo(['rollback', ...names()]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^nothing to roll back: .*service db is started and/)]);
    expect(stdout).toContain(`service db is no longer led to volume ${volume}`);
    expect([await mountedNow(), await project.sql('select what from of_the_service')]).toEqual([project.volume, 'old']);
    expect([fs.existsSync(override()), await isThere(volume)]).toEqual([false, true]);
  });

  it('becomes the service’s own with --switch, and odo rollback points the service back', async () => {
    const volume = `${project.name}-switched`;
    const receipt = await odoReceipt(args('switched', '--switch'));
    expect(receipt.downtimeMs).toBeGreaterThan(0);
    expect([await mountedNow(), await project.sql(THINGS_DIGEST)]).toEqual([volume, ready.atTheEnd]);
    const identity = await project.identity('db');

    // Both ways that the receipt tells of leave the service where it is.
    const notes: string = receipt.notes.join('\n');
    const [, both = ''] = /: (docker compose -f .* up -d)\)/.exec(notes) ?? [];
    const inFolder = (command: string) => mustRun('sh', ['-c', command], { cwd: project.folder });
    await inFolder(both);
    expect(await project.identity('db')).toBe(identity);
    const [, line = ''] = /\.env: (COMPOSE_FILE=\S+)/.exec(notes) ?? [];
    fs.writeFileSync(path.join(project.folder, '.env'), `${line}\n`);
    await inFolder('docker compose up -d');
    expect(await project.identity('db')).toBe(identity);
    fs.rmSync(path.join(project.folder, '.env'));

    // ODO reads it along: its other commands know the volume by its new and its old name.
    for (const name of ['db', volume]) {
      const status = await odo(['status', '-v', name, '-n', 'db', '-f', project.file, '--json']);
      expect([status.code, JSON.parse(status.stdout).volume]).toEqual([0, volume]);
    }
    await mustRun('docker', [
      'exec',
      await project.containerId('db'),
      'psql',
      '-U',
      'postgres',
      '-c',
      'create table written as select 1',
    ]);
    await killWhileLayingDown(volume);
    const [, command = ''] = /points the service back to it: odo (rollback .*)$/m.exec(notes) ?? [];
    const stayed = await mustRun('sh', ['-c', `"${process.execPath}" "${ODO}" ${command} --yes`]);
    expect(stayed).toMatch(/^nothing to roll back: .*, and service db is started and answers$/);
    expect([await mountedNow(), await project.sql('select * from written')]).toEqual([volume, '1']);
    await mustRun(process.execPath, [ODO, 'clean', ...names()]);
    const cut = startOdo(['rollback', ...names(), '--yes'], { env: killedAtUp(project.folder) });
    expect(await cut.outcome).toMatchObject({ killedBy: 'SIGKILL' });
    const halfway = await odo(['check', '-u', `s3://${ready.bucket}/backups`, ...names()]);
    expect([halfway.code, halfway.stderr]).toEqual([21, expect.stringContaining('odo rollback carries it through')]);
    const rolledBack = await mustRun('sh', ['-c', `"${process.execPath}" "${ODO}" ${command} --yes`]);
    expect(rolledBack).toMatch(new RegExp(`^rolled back: ${DATA} on volume ${project.volume} `));
    expect([await mountedNow(), await project.sql('select what from of_the_service')]).toEqual([project.volume, 'old']);
    expect([fs.existsSync(override()), await isThere(volume), await restoreContainers(volume)]).toEqual([
      false,
      true,
      '',
    ]);
    const again = await odo(['rollback', ...names()]);
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^nothing to roll back/)]);
  });

  it('switches are taken back one by one, up to a server that waits; what plain compose did is told', async () => {
    const [first, second] = ['first', 'second'].map((name) => `${project.name}-${name}`) as [string, string];
    const rollback = () => mustRun(process.execPath, [ODO, 'rollback', ...names(), '--yes']);
    const pausing = ['--target', 'immediate', '--target-action', 'pause'];
    await odoReceipt(['-u', `s3://${ready.bucket}/backups`, ...names(), ...pausing]);
    await odoReceipt(switching('first'));
    await project.sql("create table on_first as select 'weeks of work' as what");
    const { notes } = await odoReceipt(switching('second'));
    expect(notes.join('\n')).toContain(`the old data stays on ${first};`);

    await project.compose('up', '-d', 'db');
    expect(await mountedNow()).toBe(project.volume);
    const astray = await odo(['check', '-u', `s3://${ready.bucket}/sets`, ...names()]);
    expect([astray.code, astray.stderr]).toEqual([21, expect.stringMatching(new RegExp(`leads it to ${second}`))]);
    const led = fs.readFileSync(override());
    expect(await rollback()).toContain(`service db is no longer led to volume ${second}`);
    expect([await mountedNow(), await project.sql('select pg_is_in_recovery()')]).toEqual([project.volume, 't']);
    expect(fs.existsSync(override())).toBe(false);
    fs.writeFileSync(override(), led);
    const [, command = ''] = /to go over to \S+: (docker compose .*)$/m.exec(astray.stderr) ?? [];
    await mustRun('sh', ['-c', command]);
    await answers();
    expect(await mountedNow()).toBe(second);

    expect(await rollback()).toMatch(new RegExp(`on volume ${first} `));
    expect([await mountedNow(), await project.sql('select what from on_first')]).toEqual([first, 'weeks of work']);
    expect(await rollback()).toMatch(new RegExp(`on volume ${project.volume} `));
    expect([await mountedNow(), await project.sql('select pg_is_in_recovery()')]).toEqual([project.volume, 't']);
    expect(fs.existsSync(override())).toBe(false);
    await rollback();
    await answers();
    expect(await project.sql('select what from of_the_service')).toBe('old');
  });
});
