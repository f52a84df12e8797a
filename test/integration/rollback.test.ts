import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkRelationFiles } from '../../src/restore/database/check-relation-files.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { inspectContainer } from './parts/container-facts.ts';
import { cutTablespace } from './parts/cut-tablespace.ts';
import { mustAskServer, mustExecIn } from './parts/in-container.ts';
import { ODO, odo, odoReceipt } from './parts/odo.ts';
import { copyObjects, type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { createBucket, emptyBucket, putObject, readObject } from './parts/s3.ts';
import { rememberService, restoreContainers, type ServiceBefore } from './parts/service-before.ts';

/** Of the first page of a WAL segment. */
const PAGE_HEADER_BYTES = 40;
const DATA = '/var/lib/postgresql/data';
/** A server that nobody can ask while it recovers, and whose words lie in a file of its data directory alone. */
const LOGGED = 'logging_collector = on\nhot_standby = off\n';

/** Failures after the exchange: the old data waits, and one command brings it back. */
describe('after the exchange', () => {
  let ready: ReadyRepository;
  let bucket: string;
  let project: ComposeProject;
  let before: ServiceBefore;
  let brokenKey: string;
  let wholeSegment: Buffer;

  beforeAll(async () => {
    ready = await readyRepository();
    bucket = await createBucket();
    await copyObjects({ bucket: ready.bucket, prefix: 'backups/shop/' }, { bucket, prefix: 'broken/' });
    brokenKey = `broken/wals/${ready.endWal.slice(0, 16)}/${ready.endWal}.gz`;
    wholeSegment = await readObject(bucket, brokenKey);
    await breakSegment();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: '      - ./reject_hba.conf:/etc/reject_hba.conf:ro\n      - spaces:/ts',
      services: `
  looping:
    image: postgres:15
    restart: always
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["looping:${DATA}"]`,
      volumes: ['looping', 'spaces'],
    });
    fs.writeFileSync(path.join(project.folder, 'reject_hba.conf'), 'local all all reject\nhost all all all reject\n');
    fs.mkdirSync(path.join(project.folder, 'confs'));
    fs.writeFileSync(path.join(project.folder, 'confs/postgresql.auto.conf'), "hba_file = '/etc/reject_hba.conf'\n");
    fs.mkdirSync(path.join(project.folder, 'logged'));
    fs.writeFileSync(path.join(project.folder, 'logged/postgresql.auto.conf'), LOGGED);
    await project.up();
    before = await rememberService(project, 'db', project.volume, DATA);
  });

  afterAll(async () => {
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  /**
   * The right header and size and a sound gzip, so that every check holds; but no server becomes consistent with it.
   */
  async function breakSegment(): Promise<void> {
    const segment = zlib.gunzipSync(wholeSegment).fill(0, PAGE_HEADER_BYTES);
    await putObject(bucket, brokenKey, zlib.gzipSync(segment, { level: 1 }));
  }

  const target = (service = 'db') => ['-v', service, '-n', service, '-f', project.file];
  const restoreBroken = (service = 'db', ...more: string[]) =>
    odo(['-u', `s3://${bucket}/broken`, ...target(service), '--allow-different-cluster', ...more]);
  const isRunning = (id: string) => inspectContainer(id).then(({ State }) => String(State.Running));

  const untilRestartedOften = (id: string) =>
    until('the server is started over', async () => (await inspectContainer(id)).RestartCount > 2);

  /** Of a server that restart: always then starts in vain, over and over. */
  async function breakControlFile(id: string): Promise<void> {
    await mustExecIn(id, ['truncate', '-s', '100', `${DATA}/global/pg_control`], { user: 'postgres' });
    // It ends with the server, which is what it is to bring about.
    await run('docker', ['exec', '-u', 'postgres', id, 'pg_ctl', 'stop', '-m', 'immediate']);
    await untilRestartedOften(id);
  }

  /** From a server that was promoted: it is kept, until it is cleaned away. */
  async function goBackForGood(): Promise<void> {
    const { rolledBack, isKept } = await odoReceipt(['rollback', ...target(), '--yes']);
    expect([rolledBack, isKept]).toEqual([true, true]);
    expect((await odo(['clean', ...target()])).code).toBe(0);
    await before.expectAsBefore({ restarted: true });
  }

  it('rollback says when there is nothing to put back, and leaves the service alone', async () => {
    const { code, stdout } = await odo(['rollback', ...target()]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^nothing to roll back: volume ${project.volume}`)),
    ]);
    await before.expectAsBefore({ restarted: false });
  });

  it('a failed recovery is 30 with the words of the server; the printed command brings the old rows back', async () => {
    const { code, stdout, stderr } = await restoreBroken();
    expect(code, stderr).toBe(30);
    expect(stdout).toBe('');
    const [, words = ''] =
      /error: the server stopped during recovery \(status 1\):\n(.*?)^\S+ hint:/ms.exec(stderr) ?? [];
    expect(words).toMatch(
      /LOG: +restored log file .*FATAL: +WAL ends before end of online backup\n.*HINT: +All WAL generated/s,
    );
    expect(words).not.toMatch(/not yet accepting connections/);
    expect(await isRunning(before.containerId)).toBe('false');
    expect(await project.inVolume('cat /v/.odo/previous/PG_VERSION')).toBe('15');
    expect(await restoreContainers(project.volume)).toBe('');

    // Once more: the old data is put back first, so it is still what a rollback finds. The same words are found where
    // the server writes them into a file of its data directory.
    const since = (Date.now() / 1000).toFixed(3);
    const logged = await restoreBroken('db', '-c', path.join(project.folder, 'logged'));
    expect(logged.code, logged.stderr).toBe(30);
    expect(logged.stderr).toMatch(
      /\(status 1\):\n.*LOG: +restored log file .*FATAL: +WAL ends before end of online backup/s,
    );
    const outside = await run('docker', ['logs', '--since', since, before.containerId]);
    expect(outside.stderr).toMatch(/redirecting log output/);
    expect(outside.stderr).not.toMatch(/WAL ends before/);
    const command = /hint: .*: odo (rollback .*)$/m.exec(stderr)?.[1] ?? '';
    const rolledBack = await mustRun('sh', ['-c', `"${process.execPath}" "${ODO}" ${command}`]);
    expect(rolledBack).toMatch(/^rolled back: /);
    await before.expectAsBefore({ restarted: true });
  });

  it('the same command works once the repository is whole, also for a server that dies at each start', async () => {
    const looping = await rememberService(project, 'looping', `${project.name}_looping`, DATA);
    await breakControlFile(looping.containerId);
    const first = await restoreBroken('looping');
    expect(first.code, first.stderr).toBe(30);
    await untilRestartedOften(looping.containerId);
    await putObject(bucket, brokenKey, wholeSegment);
    try {
      const { code, stderr } = await restoreBroken('looping');
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/the old data could not be looked at: .*global\/pg_control is damaged: it has 100 bytes/);
    } finally {
      await breakSegment();
    }
    const sql = (text: string) => mustAskServer(looping.containerId, text);
    expect(await sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(await sql("select to_regclass('old_data') is null")).toBe('t');
    // Nobody can tell what it holds, so that nobody but a person gives it up.
    const cleaned = await odo(['clean', ...target('looping')]);
    expect(cleaned.code, cleaned.stderr).toBe(24);
    const control = ['stat', '-c', '%s', `${DATA}/.odo/previous/global/pg_control`];
    expect(await mustExecIn(looping.containerId, control)).toBe('100');
  });

  it('a server that turns everybody down is promoted even so, as its files tell, and waits for nobody', async () => {
    const hba = ['--pg-hba', 'reject_hba.conf'];
    const argv = ['-u', `s3://${ready.bucket}/backups/shop`, ...target(), ...hba, '--keep-previous'];
    const receipt = await odoReceipt(argv, { cwd: project.folder });
    expect(receipt.notes[0]).toBe(
      'pg_hba.conf allows ODO no login: it says "local all all reject"; recovery is followed by the ' +
        "server's files, and the contents are not looked at",
    );
    expect(receipt.reached.timeline).toBe(2);
    expect(receipt.reached.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(receipt.notes.join('\n')).toMatch(
      /answers ODO nothing \(.*pg_hba\.conf rejects connection.*was read from its files/,
    );
    // The settings of the recovery are gone from the running server, too, though nobody could log in to say so.
    expect(await project.inVolume('ls -A /v/.odo; grep -c restore_command /v/postgresql.auto.conf; true')).toBe(
      'journal.json\nprevious\n0',
    );
    await goBackForGood();
  });

  it('what only a login can do is refused before the exchange, where pg_hba.conf in PGDATA allows none', async () => {
    const hba = ['--pg-hba', 'reject_hba.conf', '--verify', 'full'];
    const { code, stderr } = await odo(['-u', `s3://${ready.bucket}/sets`, ...target(), ...hba], {
      cwd: project.folder,
    });
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(
      /--verify full needs a login, and pg_hba\.conf allows ODO none: it says "local all all reject"/,
    );
    expect(stderr).toMatch(/hint: let the local user postgres in with --pg-hba FILE, or leave --verify full out/);
    await before.expectAsBefore({ restarted: true });
  });

  it('what only a login can do is told where there is none, after a good restore', async () => {
    const more = ['--allow-different-cluster', '--verify', 'full'];
    const argv = ['-u', `s3://${ready.bucket}/sets`, ...target(), '-c', ...more];
    const { code, stderr } = await odo(argv, { cwd: project.folder });
    expect(code, stderr).toBe(31);
    expect(stderr).toMatch(
      /pg_amcheck, which --verify full asks for, could not log in: .*pg_hba\.conf rejects connection/,
    );
    expect(stderr).toMatch(/hint: the restore itself has succeeded, the server was promoted/);
    // What was asked for was not proven, so the old data has not gone.
    expect(stderr).toMatch(/hint: the old data is kept in .*: odo rollback -v db -n db/);
    await goBackForGood();
  });

  it('logs in by the password that the service was given, where local connections want one', async () => {
    fs.writeFileSync(path.join(project.folder, 'scram_hba.conf'), 'local all all scram-sha-256\n');
    const argv = [
      '-u',
      `s3://${ready.bucket}/backups/shop`,
      ...target(),
      '--pg-hba',
      'scram_hba.conf',
      '--keep-previous',
    ];
    const receipt = await odoReceipt(argv, { cwd: project.folder });
    expect(receipt.reached).toMatchObject({ timeline: 2, lastCommitTime: expect.any(String) });
    expect(receipt.notes.join('\n')).not.toMatch(/answers ODO nothing/);
    await goBackForGood();
  });

  it('a tablespace whose last tar is gone is 14 though the server is up, and the old rows come back', async () => {
    const { bucket: cut } = await cutTablespace();
    const argv = ['-u', `s3://${cut}/cut/shop`, ...target(), '--allow-different-cluster'];
    const { code, stdout, stderr } = await odo(argv);
    expect(code, stderr).toBe(14);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/error: the restored server came up, but a relation lacks files: public\.\w+ in database /);
    expect(stderr).toMatch(/ \(pg_tblspc\/\d+\/PG_15_\d+\/\d+\/\d+\)$/m);
    expect(stderr).toMatch(/hint: .*: odo rollback -v db -n db/s);
    // The old data is all that is whole: no clean-up deletes it unasked.
    const cleaned = await odo(['clean', ...target()]);
    expect(cleaned.code, cleaned.stderr).toBe(24);
    expect(cleaned.stderr).toMatch(/is the only copy of something: .*a relation lacks files: public\.\w+ in database /);
    // Of a relation in several segments, those before the last one that is there are missed, too.
    const large = await project.sql("select pg_relation_filepath('pg_proc')");
    await mustExecIn(`${project.name}-db-1`, ['touch', `${DATA}/${large}.2`], { user: 'postgres' });
    const query = async (sql: string, database?: string) =>
      (await project.sql(sql, database))
        .split('\n')
        .filter(Boolean)
        .map((row) => row.split('|'));
    await expect(checkRelationFiles({ query }, () => undefined)).rejects.toMatchObject({
      message: expect.stringContaining(`pg_catalog.pg_proc in database postgres (${large}.1)`),
    });
    await goBackForGood();
  });

  it('Ctrl-C after the exchange is 130 and tells the way back', async () => {
    const running = startOdo(['-u', `s3://${ready.bucket}/sets`, ...target(), '-c'], { cwd: project.folder });
    const startedBefore = await project.identity('db');
    await until('the server is started on the new data', async () => (await project.identity('db')) !== startedBefore);
    running.signal('SIGINT');
    const { code, stderr } = await running.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/hint: the old data is kept in .*: odo rollback -v db -n db/);
    // The server may have come to the end of its WAL by then, and be one that is kept.
    const { rolledBack } = await odoReceipt(['rollback', ...target(), '--yes']);
    expect(rolledBack).toBe(true);
    expect((await odo(['clean', ...target()])).code).toBe(0);
    await before.expectAsBefore({ restarted: true });
  });
});
