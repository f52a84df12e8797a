import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CloudNativeCluster, startCloudNativeCluster } from './parts/cloudnative-cluster.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';

const ROWS = 'select count(*) from orders';

/** What is told to do about text that may sort in another order. */
const REINDEX = 'REINDEX DATABASE "app"; ALTER DATABASE "app" REFRESH COLLATION VERSION;';

const DATA = '/var/lib/postgresql/data';
/** Where the images of each version have their volume. */
const MOUNTS = { 15: DATA, 17: DATA, 18: '/var/lib/postgresql' } as const;

type Major = keyof typeof MOUNTS;

/** A backup as the operator makes it, of a cluster that went on afterwards; the cluster itself is gone. */
async function makeBackup(major: Major, bucket: string): Promise<void> {
  const source: CloudNativeCluster = await startCloudNativeCluster({
    major,
    bucket,
    prefix: `cnpg-${major}`,
    server: 'shop',
  });
  try {
    await source.sql("create database app template template0 locale 'en_US.utf8'");
    await source.sql(
      'create table orders as select n as id, md5(n::text) as what from generate_series(1, 1000) n',
      'app',
    );
    await source.sql("update pg_database set datcollversion = '2.28' where datname = 'app'");
    await source.backup();
    await source.sql("insert into orders values (1001, 'after the backup')", 'app');
    await source.archiveAll();
  } finally {
    await source.remove();
  }
}

const projectOf = (major: Major) => writeProject({ image: `postgres:${major}`, mountAt: MOUNTS[major] });

/** What CloudNativePG has backed up, in a service on a plain image. */
describe('a backup of CloudNativePG', () => {
  let bucket: string;
  let project: ComposeProject;

  beforeAll(async () => {
    bucket = await createBucket();
    // Each of them waits for its WAL most of the time.
    await Promise.all(([15, 17, 18] as const).map((major) => makeBackup(major, bucket)));
    project = projectOf(17);
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  const restore = (...more: string[]) => [
    '-u',
    `s3://${bucket}/cnpg-17/shop`,
    '-v',
    'db',
    '-n',
    'db',
    '-f',
    project.file,
    '--accept-loss',
    '--allow-different-cluster',
    ...more,
  ];
  const inForce = async (...names: string[]) => Promise.all(names.map((name) => project.sql(`show ${name}`)));

  async function restart(): Promise<void> {
    await project.compose('restart', '-t', '60', 'db');
    await until('the service answers again', () =>
      project.sql('select 1').then(
        () => true,
        () => false,
      ),
    );
  }

  it('comes up with no hand work, says what was overridden and why, and starts again without ODO', async () => {
    const receipt = await odoReceipt(restore());
    expect(await project.sql(ROWS, 'app')).toBe('1001');
    expect(await project.sql('select pg_is_in_recovery()')).toBe('f');
    const notes: string[] = receipt.notes;
    for (const told of [
      /^archive_command is '' instead of .*\/controller\/manager/,
      /^restore_command is ''/,
      /^primary_conninfo is ''/,
      /^ssl is 'off' instead of 'on': \/controller\/certificates\/server\.crt/,
      /^unix_socket_directories is '\/var\/run\/postgresql'/,
      /^logging_collector is 'off'/,
      /^shared_preload_libraries is 'pg_stat_statements' instead of .* this server does not have pgaudit/,
      /^synchronous_standby_names is ''/,
      /^restart_after_crash is 'on'/,
      /^allow_alter_system is 'on' instead of 'off'/,
      /^pg_ident\.conf got "local postgres postgres"/,
      /^archiving is off/,
      new RegExp(`^in database app text may sort in another order .*libc 2\\.28.* ${REINDEX}`),
    ]) {
      expect(
        notes.filter((note) => told.test(note)),
        `${told}\n${notes.join('\n')}`,
      ).toHaveLength(1);
    }

    await restart();
    expect(await project.sql(ROWS, 'app')).toBe('1001');
    await project.sql("insert into orders values (1002, 'after the restart')", 'app');
    expect(await inForce('ssl', 'shared_preload_libraries', 'archive_mode', 'max_connections')).toEqual([
      'off',
      'pg_stat_statements',
      'off',
      '150',
    ]);
    // What ODO advised does away with what it warned of.
    const advice = /run in it: (.*)$/.exec(notes.find((note) => note.startsWith('in database app')) ?? '')?.[1] ?? '';
    for (const command of advice.split(/(?<=;) /)) await project.sql(command, 'app');
    expect(
      await project.sql(
        "select datcollversion = pg_database_collation_actual_version(oid) from pg_database where datname = 'app'",
      ),
    ).toBe('t');
  });

  it('recovers where the configuration grants less than the original; goes back to that at a restart', async () => {
    fs.mkdirSync(path.join(project.folder, 'small'));
    fs.writeFileSync(
      path.join(project.folder, 'small/postgresql.auto.conf'),
      'max_connections = 30\nmax_worker_processes = 4\n',
    );
    // What the image has is asked of a throwaway container then.
    await project.compose('stop', '-t', '60', 'db');
    const { notes } = await odoReceipt(restore('-c', path.join(project.folder, 'small')));
    expect(notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^max_connections was raised from 30 to 150 /),
        expect.stringMatching(/^shared_preload_libraries is 'pg_stat_statements' instead of /),
        expect.stringMatching(/^max_worker_processes was raised from 4 to 32 /),
      ]),
    );
    expect(await project.sql(ROWS, 'app')).toBe('1001');
    await restart();
    expect(await inForce('max_connections', 'max_worker_processes')).toEqual(['30', '4']);
  });

  it('stays as it is with --keep-settings, and does not start; unrehearsed, the way back is told', async () => {
    await project.sql('create table before_this as select 1');
    const refused = await odo(restore('--keep-settings', '--discard'));
    expect(refused.stderr).toContain('could not access file "pgaudit"');
    expect(refused.code, refused.stderr).toBe(26);
    await until('the old data is served again', () =>
      project.sql('select count(*) from before_this').then(
        () => true,
        () => false,
      ),
    );
    const { code, stderr } = await odo(restore('--keep-settings', '--keep-previous', '--no-rehearsal'));
    expect(stderr).toContain('could not access file "pgaudit"');
    expect(code).toBe(30);
    expect(stderr).toContain('odo rollback');
    await project.compose('stop', 'db');
    expect((await odo(['rollback', '-v', 'db', '-n', 'db', '-f', project.file])).code).toBe(0);
    await until('the old data is served', () =>
      project.sql('select count(*) from before_this').then(
        () => true,
        () => false,
      ),
    );
  });

  it.each([15, 18] as const)('of PostgreSQL %i comes up in a plain image, too, and takes orders', async (major) => {
    const other = projectOf(major);
    try {
      // With an empty volume: over the data of a running server it is done above.
      await other.compose('up', '--no-start');
      const { notes } = await odoReceipt([
        '-u',
        `s3://${bucket}/cnpg-${major}`,
        '-v',
        'db',
        '-n',
        'db',
        '-f',
        other.file,
      ]);
      expect(await other.sql(ROWS, 'app')).toBe('1001');
      expect(await other.sql('select pg_is_in_recovery()')).toBe('f');
      expect(await other.sql('show data_directory')).toBe(major === 18 ? '/var/lib/postgresql/18/docker' : DATA);
      const paths = ["dynamic_library_path is '$libdir'", "extension_control_path is '$system'"];
      for (const path of paths) expect(notes.some((note: string) => note.startsWith(path))).toBe(major === 18);
      // The operator takes that away, by a setting or by the mode of the file.
      await other.sql('alter system reset archive_mode');
    } finally {
      await other.down();
    }
  });
});
