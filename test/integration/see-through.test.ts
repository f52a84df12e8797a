import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { answersSoon } from './parts/server-answers.ts';
import { startSource } from './parts/source-cluster.ts';

const DATA = '/var/lib/postgresql/data';

/**
 * A recovery on a service whose log nobody can read: the original got more connections between its backup and its end,
 * and left a prepared transaction behind.
 */
describe('a recovery that is seen through', () => {
  let bucket: string;
  let project: ComposeProject;
  let atTheEnd: string;
  let atTheTime: string;
  let time: string;

  beforeAll(async () => {
    bucket = await createBucket();
    const source = await startSource({
      major: 15,
      bucket,
      prefix: 'backups',
      server: 'shop',
      initdbArgs: '--wal-segsize=1',
      settings: { max_prepared_transactions: '5' },
    });
    try {
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 1000) n');
      await source.barmanBackup();
      await source.sql('alter system set max_connections = 150');
      await mustRun('docker', ['restart', '-t', '60', source.container]);
      await until('the source answers', () => answersSoon(source.container));
      await source.sql("insert into things select n, 'with more' from generate_series(1001, 2000) n");
      atTheTime = await source.sql(THINGS_DIGEST);
      time = await source.sql(
        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'",
      );
      await source.sql("begin; create table late (id int); prepare transaction 'left behind'");
      await source.sql("insert into things select n, 'at last' from generate_series(2001, 3000) n");
      await source.archiveAll();
      atTheEnd = await source.sql(THINGS_DIGEST);
      // It takes effect with the next start, which this server does not see.
      await source.sql("alter system set shared_preload_libraries = 'not_in_any_image'");
      await source.sql("alter system set statement_timeout = '1ms'");
      await source.baseBackup('sets/20261121T100000');
    } finally {
      await source.remove();
    }
    project = writeProject({ image: 'postgres:15', mountAt: DATA, extra: '    logging: { driver: none }' });
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  const target = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const restoreTo = (...more: string[]) => odoReceipt(['-u', `s3://${bucket}/backups`, ...target(), ...more]);

  it('stops at a time, and not where it has too little of a setting', async () => {
    const receipt = await restoreTo('--target-time', time, '--target-action', 'pause');
    expect(receipt.moment.outcome).toBe('paused');
    expect(await project.sql(THINGS_DIGEST)).toBe(atTheTime);
    expect(await project.sql('show max_connections')).toBe('150');
    expect(await project.sql('select pg_is_in_recovery()')).toBe('t');
  });

  it('goes on without the log, raises what was raised, and keeps what prepared transactions need', async () => {
    const { code, stdout, stderr } = await odo(['-u', `s3://${bucket}/backups`, ...target()]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/max_connections from 100 to 150/);
    expect(stdout).toMatch(/a transaction is prepared .*'left behind' of postgres in postgres, since /);
    expect(await project.sql(THINGS_DIGEST)).toBe(atTheEnd);

    await project.compose('restart', 'db');
    await until('the service answers again', () => answersSoon(`${project.name}-db-1`));
    expect(await project.sql('select gid from pg_prepared_xacts')).toBe('left behind');
    expect(await project.sql('show max_connections')).toBe('100');
    await project.sql("rollback prepared 'left behind'");
  });

  it('finds out which libraries a paused service has, and is not stopped by limits of the configuration', async () => {
    await mustRun('docker', ['pause', await project.containerId('db')]);
    const receipt = await odoReceipt(['-u', `s3://${bucket}/sets`, ...target(), '--verify', 'full']);
    expect(receipt.notes.join('\n')).toMatch(/shared_preload_libraries is .*not_in_any_image/);
    const unhurried = [
      'exec',
      '-u',
      'postgres',
      '-e',
      'PGOPTIONS=-c statement_timeout=0',
      await project.containerId('db'),
    ];
    expect(await mustRun('docker', [...unhurried, 'psql', '-XAtqc', 'select count(*) from things'])).toBe('3000');
  });
});
