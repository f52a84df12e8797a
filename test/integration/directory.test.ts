import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrdinaryUser, type OrdinaryUser } from './parts/ordinary-user.ts';
import { OWN } from './parts/own.ts';
import { mustRun, until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { startSource } from './parts/source-cluster.ts';

const DIGEST = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t";

/**
 * A restore without Docker, by somebody without privileges; the server runs as that user as well, in a container that
 * sees the folder.
 */
describe('a restore into a directory by an ordinary user', () => {
  let bucket: string;
  let user: OrdinaryUser;
  let pgdata: string;
  let container: string;
  let backups: { id: string; digest: string }[];

  beforeAll(async () => {
    bucket = await createBucket();
    const source = await startSource({ major: 15, bucket, prefix: 'backups', server: 'shop' });
    try {
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
      const first = await source.barmanBackup();
      await source.sql("insert into things select n, 'between the backups' from generate_series(5001, 5100) n");
      await source.baseBackup('sets/20251024T022608');
      const atTheSet = await source.sql(DIGEST);
      await source.sql("insert into things select n, 'at last' from generate_series(5101, 5200) n");
      await source.archiveAll();
      backups = [
        { id: first, digest: await source.sql(DIGEST) },
        { id: '20251024T022608', digest: atTheSet },
      ];
    } finally {
      await source.remove();
    }
    user = createOrdinaryUser();
    pgdata = path.join(user.home, 'pgdata');
    const ids = `${user.uid}:${user.gid}`;
    const mount = `${user.home}:${user.home}`;
    const args = [
      '--user',
      ids,
      '--network',
      'none',
      '--init',
      '-v',
      mount,
      '--entrypoint',
      'sleep',
      'postgres:15',
      'infinity',
    ];
    container = await mustRun('docker', ['run', '-d', '--name', `odo-test-user-${OWN}`, ...args]);
  });

  afterAll(async () => {
    if (container) await mustRun('docker', ['rm', '-f', '-v', container]);
    await user?.remove();
    if (bucket) await emptyBucket(bucket);
  });

  const inContainer = (...argv: string[]) => mustRun('docker', ['exec', container, ...argv]);
  const pgCtl = (...args: string[]) =>
    inContainer('/usr/lib/postgresql/15/bin/pg_ctl', '-D', pgdata, '-w', '-s', ...args);
  const sql = (text: string) =>
    inContainer('psql', '-h', '/tmp', '-U', 'postgres', '-d', 'postgres', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text);

  async function start(): Promise<void> {
    await pgCtl('start', '-l', path.join(user.home, 'log'), '-o', "-k /tmp -c listen_addresses=''");
    await until('the server is promoted', async () => (await sql('select pg_is_in_recovery()')) === 'f');
  }

  /** Names, modes, sizes and times of all that is in the folder. */
  const stateOf = (folder: string) => mustRun('find', [folder, '-printf', '%p %M %U:%G %s %T@ %l\\n']);

  it('gives a directory on which a server of that user starts and recovers', async () => {
    const outcome = await user.odo(['-u', `s3://${bucket}/backups`, '--into', pgdata]);
    expect(outcome).toMatchObject({ code: 0 });
    expect(await mustRun('find', [user.home, '!', '-uid', String(user.uid)])).toBe('');
    expect((fs.statSync(pgdata).mode & 0o7777).toString(8)).toBe('700');
    await start();
    expect(await sql(DIGEST)).toBe(backups[0]?.digest);
    await sql("insert into things values (0, 'written after the first restore')");
    expect(fs.existsSync(path.join(pgdata, '.odo'))).toBe(false);
  });

  it('refuses, changing nothing, while a server runs on it', async () => {
    await sql('checkpoint');
    const before = await stateOf(pgdata);
    const outcome = await user.odo(['-u', `s3://${bucket}/sets`, '--into', pgdata]);
    expect(outcome).toMatchObject({ code: 24, stdout: '' });
    expect(outcome.stderr).toContain(`a server may be running on ${pgdata}`);
    expect(await stateOf(pgdata)).toBe(before);
    expect(await sql('select count(*) from things where id = 0')).toBe('1');
  });

  it('keeps what a stopped server had there', async () => {
    await pgCtl('stop', '-m', 'fast');
    const own = (await stateOf(pgdata)).split('\n').slice(1);
    const outcome = await user.odo(['-u', `s3://${bucket}/sets`, '--into', pgdata, '--json']);
    expect(outcome).toMatchObject({ code: 0 });
    const previous = path.join(pgdata, '.odo', 'previous');
    const kept = (await stateOf(previous)).split('\n').slice(1);
    expect(kept.map((line) => line.replace(previous, pgdata)).sort()).toEqual(own.sort());
    expect(JSON.parse(outcome.stdout).notes.join('\n')).toContain(previous);
    await start();
    expect(await sql(DIGEST)).toBe(backups[1]?.digest);
    await pgCtl('stop', '-m', 'fast');
    expect(fs.existsSync(previous)).toBe(true);
  });

  it('refuses a folder that is no data directory', async () => {
    const folder = path.join(user.home, 'letters');
    await inContainer('sh', '-c', `mkdir ${folder} && echo hello > ${folder}/letter.txt`);
    const before = await stateOf(folder);
    const outcome = await user.odo(['-u', `s3://${bucket}/sets`, '--into', folder]);
    expect(outcome).toMatchObject({ code: 24, stdout: '' });
    expect(outcome.stderr).toContain('letter.txt');
    expect(await stateOf(folder)).toBe(before);
  });

  it('refuses a folder that this user may not write to', async () => {
    const folder = fs.mkdtempSync('/tmp/odo-not-theirs-');
    try {
      fs.chmodSync(folder, 0o555);
      const outcome = await user.odo(['-u', `s3://${bucket}/sets`, '--into', folder]);
      expect(outcome).toMatchObject({ code: 24, stdout: '' });
      expect(outcome.stderr).toContain(folder);
      expect(fs.readdirSync(folder)).toEqual([]);
    } finally {
      fs.rmdirSync(folder);
    }
  });
});
