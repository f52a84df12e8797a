import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { DEBIAN_DATA, type DebianCluster, startDebianCluster } from './parts/debian-cluster.ts';
import { mustAskServer, mustExecIn } from './parts/in-container.ts';
import { ODO, odo, odoReceipt } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { pgBasebackup } from './parts/pg-basebackup.ts';
import { mustRun, run, until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { answersSoon } from './parts/server-answers.ts';
import { rememberService, type ServiceBefore } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';
const ROWS = 'select count(*) from things';

/**
 * What only another host had: each line alone keeps a server of the official image from starting, or from being of use.
 */
const FOREIGN = `
unix_socket_directories = '/run/pg15'
ssl = on
ssl_cert_file = '/etc/ssl/certs/of-the-old-host.pem'
logging_collector = on
log_directory = '/var/log/of-the-old-host'
lc_monetary = 'de_DE.UTF-8'
lc_time = 'de_DE.UTF-8'
lc_messages = 'de_DE.UTF-8'
listen_addresses = '10.1.2.3'
huge_pages = on
shared_buffers = '2000GB'
max_stack_depth = '100MB'
external_pid_file = '/nowhere/server.pid'
Some_Fork_Setting = 'on'
port = 6543
`;

const SOURCE = 'odo-test-rehearsed';
/** More than the header of a tar has room for. */
const LONG_NAME = `${'n'.repeat(120)}.conf`;

/** Written into the service's container by compose, and by its entry point. */
const LATE = ['/etc/postgresql/written.conf', '/etc/made.conf'] as const;

/** Before the exchange, the service's own server is tried on what was laid down. */
describe('the rehearsal', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-rehearsal-'));
  const source = `${SOURCE}-${OWN}`;
  let bucket: string;
  let debian: DebianCluster;
  let project: ComposeProject;
  let before: ServiceBefore;
  let confined: ComposeProject | undefined;

  const inSource = (script: string) => mustExecIn(source, ['sh', '-c', script], { user: 'postgres' });
  const sqlOfSource = (text: string) => mustAskServer(source, text);

  /** A backup of the source in one state of its files, which the running server has not read. */
  async function backup(name: string, change: string, undo: string): Promise<void> {
    await inSource(change);
    const set = path.join(folder, name, '20260101T000000');
    fs.mkdirSync(set, { recursive: true });
    await pgBasebackup(source, set, '-X', 'stream');
    await inSource(`${undo}; rm -rf /tmp/made`);
  }

  async function makeSets(): Promise<void> {
    const flags = ['run', '-d', '--name', source, '--network', 'none', '-e', 'POSTGRES_PASSWORD=test'];
    await mustRun('docker', [...flags, '-e', 'POSTGRES_INITDB_ARGS=--no-sync', 'postgres:15', '-c', 'fsync=off']);
    await until('the source answers', () => answersSoon(source));
    await sqlOfSource('create table things as select generate_series(1, 100) as id');
    const keep = 'cd $PGDATA && cp postgresql.auto.conf pg_hba.conf /tmp/';
    const back = 'cd $PGDATA && cp /tmp/postgresql.auto.conf /tmp/pg_hba.conf .';
    // In Latin-1.
    const old = 'printf "# f\\374r\\n" >> postgresql.auto.conf';
    await backup('foreign', `${keep} && ${old} && printf '%s' "${FOREIGN}" >> postgresql.auto.conf`, back);
    const includes = LATE.map((file) => `include '${file}'\n`).join('');
    const late = `${keep} && cp postgresql.conf /tmp && printf "${includes}" >> postgresql.conf`;
    await backup('late', late, `${back} && cp /tmp/postgresql.conf .`);
    await backup('hba', `${keep} && echo 'local all all no-such-method' > pg_hba.conf`, back);
    await sqlOfSource('create database shop');
    const collate = (locale: string) =>
      sqlOfSource(`update pg_database set datcollate = '${locale}' where datname = 'shop'`);
    await collate('de_DE.UTF-8');
    await sqlOfSource('checkpoint');
    await backup('locale', 'true', 'true');
  }

  beforeAll(async () => {
    bucket = await createBucket();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: `    entrypoint: ["/start.sh"]
    command: ["postgres"]
    configs: [{ source: written, target: ${LATE[0]} }]`,
    });
    fs.appendFileSync(project.file, '\nconfigs:\n  written:\n    content: work_mem = 5MB\n');
    const file = path.join(project.folder, 'start.sh');
    const start = ['#!/bin/sh', `echo maintenance_work_mem = 70MB > ${LATE[1]}`, 'exec docker-entrypoint.sh "$@"'];
    fs.writeFileSync(file, `${start.join('\n')}\n`, { mode: 0o755 });
    fs.writeFileSync(
      project.file,
      fs.readFileSync(project.file, 'utf8').replace(/( +)(- db:.*)/, `$1$2\n$1- ./start.sh:/start.sh:ro`),
    );
    [debian] = await Promise.all([startDebianCluster(), makeSets(), project.up()]);
    await debian.sql('create table things as select generate_series(1, 100) as id');
    const set = path.join(folder, 'debian', '20260101T000000');
    fs.mkdirSync(set, { recursive: true });
    await pgBasebackup(debian.container, set, '-X', 'stream');
    await mustRun('docker', ['exec', debian.container, 'touch', `${DEBIAN_DATA}/${LONG_NAME}`]);
    await debian.barmanBackup(bucket, 'debian');
    before = await rememberService(project, 'db', project.volume, DATA);
  });

  afterAll(async () => {
    await project?.down();
    await confined?.down();
    await run('docker', ['rm', '-f', '-v', `${source}-18`]);
    await debian?.remove();
    await run('docker', ['rm', '-f', '-v', source]);
    if (bucket) await emptyBucket(bucket);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const args = (url: string, ...more: string[]) => [
    '-u',
    url,
    '-v',
    'db',
    '-n',
    'db',
    '-f',
    project.file,
    '--yes',
    ...more,
  ];
  const notesOf = async (url: string, ...more: string[]): Promise<string[]> =>
    (await odoReceipt(args(url, '--allow-different-cluster', ...more))).notes;
  const expectNotes = (notes: readonly string[], expected: readonly RegExp[]) => {
    for (const told of expected)
      expect(
        notes.filter((note) => told.test(note)),
        `${told}\n${notes.join('\n')}`,
      ).toHaveLength(1);
  };
  const inForce = async (...names: string[]) => Promise.all(names.map((name) => project.sql(`show ${name}`)));

  it.each([
    ['hba', 26, [], /invalid authentication method "no-such-method"[\s\S]*--pg-hba FILE/],
    [
      'locale',
      22,
      [],
      /postgres:15 lacks the locale de_DE\.UTF-8 of database shop[\s\S]*RUN localedef -i de_DE -c -f UTF-8 /,
    ],
    ['foreign', 26, ['--keep-settings'], /would not start on what was laid down:[\s\S]*leave --keep-settings out/],
  ] as const)('refuses what cannot be overridden, with the service as it was: %s', async (set, code, more, words) => {
    const outcome = await odo(args(path.join(folder, set), '--allow-different-cluster', '--discard', ...more));
    expect(outcome.stderr).toMatch(words);
    expect(outcome.code).toBe(code);
    await before.expectAsBefore({ restarted: true });
  });

  it('overrides what another host had, and tells it', async () => {
    const notes = await notesOf(path.join(folder, 'foreign'));
    expectNotes(notes, [
      /^unix_socket_directories is '\/var\/run\/postgresql' instead of '\/run\/pg15'/,
      /^ssl is 'off' instead of 'on': \/etc\/ssl\/certs\/of-the-old-host\.pem/,
      /^log_directory is 'log' instead of '\/var\/log\/of-the-old-host'/,
      /^lc_monetary is 'C' instead of 'de_DE\.UTF-8'/,
      /^lc_time is 'C' instead of/,
      /^lc_messages is 'C' instead of/,
      /^listen_addresses is '\*' instead of '10\.1\.2\.3'/,
      /^huge_pages is 'try' instead of 'on'/,
      /^shared_buffers is '\d+MB' instead of '2000GB'/,
      /^max_stack_depth = '100MB' was taken out of the configuration: .*must not exceed/,
      /^external_pid_file is '' instead of/,
      /^some_fork_setting = 'on' was taken out of the configuration: this server does not know it/,
      /^the server listens on port 6543, as the original did, not on 5432/,
    ]);
    const asked = (text: string) =>
      mustExecIn(`${project.name}-db-1`, ['psql', '-XAtq', '-U', 'postgres', '-p', '6543', '-c', text]);
    expect(await asked(ROWS)).toBe('100');
    const inForceNow =
      "select string_agg(current_setting(name), ' ') from " +
      "unnest('{log_directory,lc_time,listen_addresses}'::text[]) name";
    expect(await asked(inForceNow)).toBe('log C *');
    // Another test's rehearsal may be under way; its container goes with it.
    const rehearsals = () => mustRun('docker', ['ps', '-aq', '--filter', 'label=odo.role=rehearsal']);
    const seen = (await rehearsals()).split('\n').filter(Boolean);
    await until('no container of a rehearsal stays', async () => {
      const now = await rehearsals();
      return !seen.some((id) => now.includes(id));
    });
    const isThere = "printf '# f\\374r' >/tmp/line; grep -caFf /tmp/line /v/postgresql.auto.conf";
    expect((await project.inVolume(isThere)).trim()).toBe('1');
    await project.compose('restart', '-t', '30', 'db');
    await until('it starts again without ODO', () =>
      asked('select 1').then(
        () => true,
        () => false,
      ),
    );
  });

  it('leaves what compose and an entry point put into the container alone; tells that it was not tried', async () => {
    const notes = await notesOf(path.join(folder, 'late'));
    const byCompose = '/etc/postgresql/written\\.conf \\(compose puts it there';
    const byEntryPoint = "/etc/made\\.conf \\(the service's container has it";
    expectNotes(notes, [new RegExp(`could not be tried beforehand: .*${byCompose}.*${byEntryPoint}`)]);
    expect(await inForce('work_mem', 'maintenance_work_mem')).toEqual(['5MB', '70MB']);
  });

  it("brings a packaged server's cluster up, whose configuration no backup has", async () => {
    const notes = await notesOf(path.join(folder, 'debian'));
    expectNotes(notes, [
      /^postgresql\.conf was made anew: the backup has none/,
      /^pg_hba\.conf was made anew: the backup has none/,
    ]);
    expect(await project.sql(ROWS)).toBe('100');
    expect(await inForce('listen_addresses', 'max_connections')).toEqual(['*', '120']);
  });

  it("and one of barman's, which packs that configuration as it was", async () => {
    const notes = await notesOf(`s3://${bucket}/debian`);
    expectNotes(notes, [
      /^data_directory = '\/var\/lib\/postgresql\/15\/main' was taken out of the configuration/,
      /^the line of the configuration that includes conf\.d was taken out/,
      /^hba_file is '\/var\/lib\/postgresql\/data\/pg_hba\.conf' instead of '\/etc\/postgresql/,
      /^ident_file is /,
      /^external_pid_file is ''/,
      /^listen_addresses is localhost: applications in other containers will not reach this server/,
    ]);
    expect(await project.sql(ROWS)).toBe('100');
    // The official image has a certificate of that name, as Debian has.
    expect(await inForce('cluster_name', 'ssl')).toEqual(['15/main', 'on']);
    expect(notes).toHaveLength(6);
  });

  const confinedArgs = () => ['-u', path.join(folder, 'confined'), '-v', 'db', '-n', 'db', '-f', `${confined?.file}`];

  it('is held under the limits of the service, which may never have run', async () => {
    const name = `${source}-18`;
    await mustRun('docker', [
      ...['run', '-d', '--name', name, '--network', 'none', '-e', 'POSTGRES_PASSWORD=test'],
      ...['-e', 'POSTGRES_INITDB_ARGS=--no-sync', 'postgres:18', '-c', 'fsync=off'],
    ]);
    confined = writeProject({
      image: 'postgres:18',
      mountAt: '/var/lib/postgresql',
      extra: '    mem_limit: 400m\n    security_opt: ["seccomp:profile.json"]',
    });
    const denied = { names: ['io_uring_setup'], action: 'SCMP_ACT_ERRNO' };
    fs.writeFileSync(
      path.join(confined.folder, 'profile.json'),
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [denied] }),
    );
    await confined.compose('up', '--no-start', 'db');
    await until('the source answers', () => answersSoon(name));
    const certificate = '/var/lib/postgresql/certs/ssl-cert-snakeoil';
    const ssl = `ssl = on\nssl_cert_file = '${certificate}.pem'\nssl_key_file = '${certificate}.key'\n`;
    const lines = `io_method = 'io_uring'\nshared_buffers = '4GB'\n${ssl}`;
    await mustRun('docker', [
      'exec',
      '-u',
      'postgres',
      name,
      'sh',
      '-c',
      `printf "${lines}" >> $PGDATA/postgresql.auto.conf`,
    ]);
    const set = path.join(folder, 'confined', '20260101T000000');
    fs.mkdirSync(set, { recursive: true });
    await pgBasebackup(name, set, '-X', 'stream');
    const copied = 'cp /etc/ssl/*/ssl-cert-snakeoil.* /v/certs';
    await confined.inVolume(`mkdir -p /v/certs && ${copied} && cd /v/certs && chmod 600 * && chown -R 999:999 .`);
    const { notes } = await odoReceipt(confinedArgs());
    expectNotes(notes, [
      /^io_method is 'worker' instead of 'io_uring': the server says/,
      /^shared_buffers is '128MB' instead of '4GB'/,
    ]);
    expect([await confined.sql('show io_method'), await confined.sql('show ssl')]).toEqual(['worker', 'on']);
  });

  it('knows that a copy lacks the certificates which lie beside the data directory of the service', async () => {
    const copy = await odoReceipt([...confinedArgs(), '--temporary']);
    expectNotes(copy.notes, [/^ssl is 'off' instead of 'on': \/var\/lib\/postgresql\/certs\/ssl-cert-snakeoil\.pem/]);
    const inCopy = (sql: string) => mustExecIn(copy.temporary.name, ['psql', '-XAtq', '-c', sql]);
    expect([await inCopy('show ssl'), await inCopy('show io_method')]).toEqual(['off', 'worker']);
    await mustRun(process.execPath, [ODO, 'temporary', 'stop', copy.temporary.name]);
  });
});
