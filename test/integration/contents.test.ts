import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { mustExecIn } from './parts/in-container.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun } from './parts/run.ts';
import { createBucket, emptyBucket, listKeys } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

const DATA = '/var/lib/postgresql/data';

/** Longer than the 100 bytes that a tar header has for it, and not all ASCII. */
const LONG_NAME = `notes/${'long name, '.repeat(11)}größe.txt`;

/**
 * What each table, large object and relation holds, on server and copy alike: everything but what unlogged tables had.
 */
const CHECKSUMS: Record<string, [database: string, sql: string]> = {
  'table in the default tablespace': [
    'postgres',
    "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t",
  ],
  'table in tablespace fast': [
    'postgres',
    "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from fast_things t",
  ],
  'table in tablespace slow': [
    'postgres',
    "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from slow_things t",
  ],
  'index in tablespace fast': [
    'postgres',
    "set enable_seqscan = off; select string_agg(what, ',' order by id) from slow_things where id between 17 and 29",
  ],
  'a relation above 1 GiB': [
    'postgres',
    "select count(*) || ' ' || sum(id) || ' ' || sum(hashtext(pad)::bigint) from big",
  ],
  'what does not pack': ['postgres', "select count(*) || ' ' || sum(hashtext(pad)::bigint) from noise"],
  'its size': ['postgres', "select pg_relation_size('big')"],
  'large objects': [
    'postgres',
    "select string_agg(oid || ' ' || md5(lo_get(oid)), ',' order by oid) from pg_largeobject_metadata",
  ],
  '5,000 tables': [
    'many',
    "select count(*) || ' ' || sum(pg_relation_size(oid)) from pg_class where relname like 'small_%'",
  ],
  'some of their rows': [
    'many',
    "select string_agg(n::text, ',') from (select * from small_1 union all select * from small_2500 union " +
      'all select * from small_5000) s',
  ],
};

/** One source cluster with a bit of everything, restored from every kind of backup. */
describe('everything that a cluster may hold', () => {
  let bucket: string;
  let source: SourceCluster;
  let project: ComposeProject;
  let expected: Record<string, string>;
  let tablespaces: Record<'fast' | 'slow', string>;
  let files: { beforeBarman: string; beforeSets: string };

  async function checksums(ask: (text: string, database: string) => Promise<string>): Promise<Record<string, string>> {
    const all: Record<string, string> = {};
    for (const [what, [database, sql]] of Object.entries(CHECKSUMS)) all[what] = await ask(sql, database);
    return all;
  }

  /**
   * Mode, size and modification time of files that no server touches, and the empty folders, of a data directory
   * mounted at /v.
   */
  const LOOK = (data: string) =>
    `cd ${data} && stat -c '%a %s %Y %n' PG_VERSION base/*/PG_VERSION pg_hba.conf pg_ident.conf; stat -c '%a ` +
    `%n' . base pg_xact pg_wal/archive_status; find empty notes -printf '%p %M %s %T@\\n' | sort; cat notes/*`;

  beforeAll(async () => {
    bucket = await createBucket();
    source = await startSource({ major: 17, bucket, prefix: 'backups', server: 'shop' });
    await source.exec(['install', '-d', '-o', 'postgres', '-g', 'postgres', '/ts/fast', '/ts/slow'], 'root');
    // What is made before the backups need not be archived, nor survive a crash of this machine.
    const archiveCommand = await source.sql('show archive_command');
    for (const setting of ["archive_command = '/bin/true'", 'fsync = off', "max_wal_size = '8GB'"])
      await source.sql(`alter system set ${setting}`);
    await source.sql('select pg_reload_conf()');
    await fill(source);
    await source.sql(`alter system set archive_command = '${archiveCommand}'`);
    await source.sql('select pg_reload_conf()');

    const data = await source.exec(['sh', '-c', 'echo $PGDATA']);
    const folders = 'mkdir -p empty/inside notes && chmod 750 empty/inside && echo a note >notes/short.txt';
    const times =
      'chmod 640 notes/short.txt pg_ident.conf && touch -d "2001-02-03 04:05:06" notes/short.txt pg_ident.conf';
    await source.exec([
      'sh',
      '-c',
      `cd "$PGDATA" && ${folders} && ${times} && touch -d 2002-03-04 empty/inside empty notes`,
    ]);
    await source.baseBackup('sets/z/stream', ['-Ft', '-z', '-X', 'stream']);
    await source.baseBackup('sets/plain/fetch', ['-Ft', '-X', 'fetch']);
    files = { beforeSets: await source.exec(['sh', '-c', LOOK(data)]), beforeBarman: '' };
    // pg_basebackup would refuse it.
    await source.exec([
      'sh',
      '-c',
      `cd "$PGDATA" && echo 'a long name' >'${LONG_NAME}' && chmod 600 notes/* && touch -d "2003-04-05 ` +
        '06:07:08.25" notes/* notes',
    ]);
    files.beforeBarman = await source.exec(['sh', '-c', LOOK(data)]);
    expected = await checksums(source.sql);
    const oids = await source.sql(
      "select string_agg(oid::text, ' ' order by spcname) from pg_tablespace where spcname in ('fast', 'slow')",
    );
    const [fast = '', slow = ''] = oids.split(' ');
    tablespaces = { fast, slow };
    await source.barmanBackup('--max-archive-size', '10MB');
    await source.archiveAll();
    await source.remove();

    const mounts = ['fast:/ts/fast', 'moved:/ts/moved'].map((mount) => `      - ${mount}`).join('\n');
    project = writeProject({ image: 'postgres:17', mountAt: DATA, extra: mounts, volumes: ['fast', 'moved'] });
    await project.up();
    await project.sql('create table old_data as select 1 as id');
  });

  afterAll(async () => {
    await source?.remove();
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  const namesOf = (url: string) => ['-u', url, '-v', 'db', '-n', 'db', '-f', project.file];
  const argumentsOf = (url: string) => [...namesOf(url), '--accept-loss', '--allow-different-cluster'];

  /** A restored server: how it is asked, how a shell in it, and where its tablespace `slow` is. */
  interface Restored {
    ask(text: string, database?: string): Promise<string>;
    inside(script: string): Promise<string>;
    slow: string;
  }

  const inService = (script: string) => mustExecIn(`${project.name}-db-1`, ['sh', '-c', script]);
  const service = (): Restored => ({ ask: project.sql, inside: inService, slow: '/ts/moved' });

  async function expectEverything({ ask, inside, slow }: Restored, filesBefore: string): Promise<void> {
    const data = await ask('show data_directory');
    expect(await inside(LOOK(data))).toBe(filesBefore);
    expect(await checksums(ask)).toEqual(expected);
    expect(await inside(`cd ${data}/pg_tblspc && for oid in *; do echo $oid $(readlink $oid); done`)).toBe(
      `${tablespaces.fast} /ts/fast\n${tablespaces.slow} ${slow}`,
    );
    expect(await inside(`ls -A /ts/fast ${slow}`)).toMatch(
      new RegExp(`^/ts/fast:\nPG_17_\\d+\n\n${slow}:\nPG_17_\\d+$`),
    );
    expect(
      await ask(
        "select spcname || ' ' || pg_tablespace_location(oid) from pg_tablespace where spcname in ('fast', " +
          "'slow') order by 1",
      ),
    ).toBe(`fast /ts/fast\nslow ${slow}`);
    // PostgreSQL empties unlogged relations after a recovery; they have to be there, and to work.
    expect(await ask('select count(*) from unlogged; select count(*) from unlogged_elsewhere')).toBe('0\n0');
    await ask(
      "insert into unlogged select n, 'again' from generate_series(1, 100) n; insert into unlogged_elsewhere select 1",
    );
    expect(await ask('set enable_seqscan = off; select what from unlogged where id = 77')).toBe('again');
    await ask('checkpoint');
    await ask("insert into slow_things values (0, 'written after the restore'); delete from slow_things where id = 0");
    expect(await ask("select to_regclass('old_data') is null")).toBe('t');
    expect(await inside(`find ${data} /ts/fast ${slow} ! -user 999 -o ! -group 999`)).toBe('');
  }

  it('says that a tablespace has no volume before it touches anything, and takes one by its location', async () => {
    const before = await project.identity('db');
    const { code, stdout, stderr } = await odo(argumentsOf(`s3://${bucket}/backups/shop`));
    expect({ code, stdout }).toEqual({ code: 21, stdout: '' });
    expect(stderr).toContain('tablespace slow belongs at /ts/slow');
    expect(stderr).toContain('--tablespace slow=PATH');
    expect(await project.identity('db')).toBe(before);
    const planned = await odo([
      ...argumentsOf(`s3://${bucket}/sets/plain`),
      '--tablespace',
      '/ts/slow=/ts/moved',
      '--dry-run',
    ]);
    expect(planned.code, planned.stderr).toBe(0);
    expect(await project.sql('select id from old_data')).toBe('1');
    expect(await inService('ls -A /ts/fast /ts/moved')).toBe('/ts/fast:\n\n/ts/moved:');
  });

  it('comes back from barman, in several tars', async () => {
    const tars = (await listKeys(bucket, 'backups/shop/base/')).filter((key) => /\/data(_\d+)?\.tar\.gz$/.test(key));
    expect(tars.length).toBeGreaterThan(1);
    await odoReceipt([...argumentsOf(`s3://${bucket}/backups/shop`), '--tablespace', 'slow=/ts/moved']);
    await expectEverything(service(), files.beforeBarman);
    expect(await inService(`find ${DATA} /ts -name .odo`)).toBe('');
    expect(files.beforeBarman).toContain('a long name');
  });

  it('comes from pg_basebackup, a tar with WAL inside, to a temporary server with tablespace volumes', async () => {
    const volumes = () => mustRun('docker', ['volume', 'ls', '-q', '--filter', `label=odo.service=${project.name}/db`]);
    const { temporary, laidDown } = await odoReceipt([...namesOf(`s3://${bucket}/sets/plain`), '--temporary']);
    expect(laidDown.writtenBytes).toBeGreaterThan(2 ** 30);
    try {
      const inside = (...command: string[]) => mustRun('docker', ['exec', temporary.name, ...command]);
      const ask = (text: string, database = 'postgres') => inside('psql', '-XAtq', '-d', database, '-c', text);
      await expectEverything(
        { ask, inside: (script) => inside('sh', '-c', script), slow: '/ts/slow' },
        files.beforeSets,
      );
      expect((await volumes()).split('\n')).toHaveLength(3);
      const mounted = await mustRun('docker', [
        'inspect',
        '-f',
        '{{range .Mounts}}{{.Name}} {{end}}',
        await project.containerId('db'),
      ]);
      for (const volume of (await volumes()).split('\n')) expect(mounted).not.toContain(volume);
    } finally {
      expect(await odo(['temporary', 'stop', temporary.name])).toMatchObject({ code: 0 });
    }
    expect(await volumes()).toBe('');
  });

  it('is listed with its tablespaces', async () => {
    const list = await odo(['list', '-u', `s3://${bucket}/backups/shop`, '--json']);
    expect(JSON.parse(list.stdout).repositories[0].backups).toMatchObject([
      {
        usable: true,
        tablespaces: [
          { oid: Number(tablespaces.fast), name: 'fast', location: '/ts/fast' },
          { oid: Number(tablespaces.slow), name: 'slow', location: '/ts/slow' },
        ],
      },
    ]);
    expect((await odo(['list', '-u', `s3://${bucket}/backups/shop`])).stdout).toMatch(/ tablespaces\n.* fast, slow\n/);
  });

  it('comes back from pg_basebackup, compressed, with the WAL beside it', async () => {
    await odoReceipt([...argumentsOf(`s3://${bucket}/sets/z`), '--tablespace', `${tablespaces.slow}=/ts/moved`]);
    await expectEverything(service(), files.beforeSets);
    expect(await inService(`find ${DATA} /ts -name .odo`)).toBe('');
    expect(
      await mustRun('docker', ['ps', '-aq', '--filter', 'label=odo.role', '--filter', `volume=${project.volume}`]),
    ).toBe('');
  });
});

async function fill(source: SourceCluster): Promise<void> {
  await source.sql("create tablespace fast location '/ts/fast'");
  await source.sql("create tablespace slow location '/ts/slow'");
  await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 20000) n');
  await source.sql(
    'create table fast_things tablespace fast as select n as id, md5(n::text) as what from generate_series(1, 20000) n',
  );
  await source.sql(
    'create table slow_things tablespace slow as select n as id, md5(n::text) as what from generate_series(1, 20000) n',
  );
  await source.sql('create index on slow_things (id) tablespace fast');
  await source.sql('create unlogged table unlogged (id int primary key, what text)');
  await source.sql("insert into unlogged select n, 'lost' from generate_series(1, 1000) n");
  await source.sql(
    'create unlogged table unlogged_elsewhere tablespace slow as select n as id from generate_series(1, 1000) n',
  );
  await source.sql(
    "select lo_from_bytea(70001, 'a small one'), lo_from_bytea(70002, decode(repeat('00ff', 300000), 'hex'))",
  );
  // One row fills a page, so that 1 GiB takes 131,072 of them, and packs well.
  await source.sql('create table big (id int, pad text); alter table big alter pad set storage plain');
  await source.sql("insert into big select n, repeat('x', 7000 + n % 7) from generate_series(1, 132000) n");
  // Enough that does not pack, for more than one tar of ten million bytes.
  await source.sql('create table noise (id int, pad text); alter table noise alter pad set storage plain');
  await source.sql(
    "insert into noise select n, (select string_agg(md5(n || ' ' || m), '') from generate_series(1, 200) m) " +
      'from generate_series(1, 4000) n',
  );
  await source.sql('create database many');
  await source.sql(
    `do $$ begin for n in 1..5000 loop
       execute format('create table small_%s as select %s as n', n, n);
       if n % 500 = 0 then commit; end if;
     end loop; end $$`,
    'many',
  );
  await source.sql('checkpoint');
}
