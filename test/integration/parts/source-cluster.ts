import net from 'node:net';
import { inspectContainer, lastWords } from './container-facts.ts';
import { mustAskServer, mustExecIn } from './in-container.ts';
import { OWN } from './own.ts';
import { mustRun, run, until } from './run.ts';
import { listKeys, S3_ENDPOINT, S3_KEYS } from './s3.ts';
import { answersSoon } from './server-answers.ts';

const PORTS_OF_A_FILE = 10;
const WORKERS = 10;
/**
 * Below the ports that the kernel gives to connections, each of which would keep a server from listening there. Files
 * that run at the same time differ in the worker's number, and those of another test command most likely in the
 * process's.
 */
let ports =
  20000 + ((process.pid % 100) * WORKERS + (Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS)) * PORTS_OF_A_FILE;

/**
 * A real PostgreSQL server that archives with barman-cloud and is backed up by barman-cloud-backup or pg_basebackup.
 */
export interface SourceCluster {
  /** The container's name. */
  container: string;
  sql(text: string, database?: string): Promise<string>;
  /** Runs a program in the container, as the postgres user unless another is named. */
  exec(argv: readonly string[], user?: string): Promise<string>;
  /** Switches to a new WAL segment and waits until the old one is archived. */
  archiveAll(): Promise<void>;
  /**
   * Takes a barman-cloud backup into `s3://bucket/prefix`, packed with gzip unless a flag names another codec; gives
   * its id.
   */
  barmanBackup(...flags: string[]): Promise<string>;
  /**
   * Takes a pg_basebackup with these flags (such as `-Ft -z -X stream`) and uploads it below `folder` of the bucket.
   */
  baseBackup(folder: string, flags?: readonly string[]): Promise<void>;
  /**
   * Archives all WAL of some work to the barman repository at once: barman-cloud-wal-archive takes seconds for each
   * segment.
   */
  archiveFast(work: () => Promise<unknown>): Promise<void>;
  /** Makes a standby of it and promotes that, so that it goes on (and archives) on the next timeline. */
  promote(): Promise<void>;
  remove(): Promise<void>;
}

export type Major = 13 | 14 | 15 | 16 | 17 | 18 | 19;

export interface SourceOptions {
  major: Major;
  bucket: string;
  /** Prefix of the barman repository. */
  prefix: string;
  /** barman's server name. */
  server: string;
  /** Such as `--wal-segsize=1`. */
  initdbArgs?: string;
  /** Where its data directory is, when not where the image has it. */
  pgdata?: string;
  /** Settings on the server's command line. */
  settings?: Readonly<Record<string, string>>;
}

/**
 * Whether a segment has been archived; waits a few seconds for it, in the server: asking over and over from outside
 * would slow the archiver down. The archiver's last file may be a history or `.partial` file, which says nothing of
 * segments.
 */
const ARCHIVED = (segment: string) => {
  const isArchived =
    `select last_archived_wal ~ '^[0-9A-F]{24}$' and last_archived_wal collate "C" >= '${segment}' from ` +
    'pg_stat_archiver';
  const wait = `perform pg_stat_clear_snapshot(); exit when (${isArchived}); perform pg_sleep(0.05);`;
  return `do $wait$ begin for n in 1..100 loop ${wait} end loop; end $wait$; ${isArchived}`;
};

/**
 * Settings that ALTER SYSTEM can change again, there when the server starts: otherwise it would have to start twice.
 */
const FIRST_START = `
  mkdir -p /docker-entrypoint-initdb.d
  echo "$ARCHIVING" > /docker-entrypoint-initdb.d/archiving.sql
  exec docker-entrypoint.sh "$@"`;

/** Flags of barman-cloud-backup, of which it takes one. */
const BACKUP_CODECS = new Set(['-z', '-j', '--snappy', '--lz4', '--zstd']);

/** Uploads the files of a folder, several parts at once. */
const UPLOAD = `
import boto3, os, sys
endpoint, bucket, prefix, folder = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
for name in os.listdir(folder):
    s3.upload_file(os.path.join(folder, name), bucket, prefix + "/" + name)
`;

/** Starts a cluster on the host's network (where the S3 server listens), with archiving on. */
export async function startSource(options: SourceOptions): Promise<SourceCluster> {
  const { major, bucket, prefix, server } = options;
  const port = await freePort();
  const name = `odo-test-source-${OWN}-${port}`;
  const url = `s3://${bucket}/${prefix}`;
  const env = {
    POSTGRES_PASSWORD: 'test',
    PGPORT: String(port),
    POSTGRES_INITDB_ARGS: `--no-sync ${options.initdbArgs ?? ''}`,
    ...S3_KEYS,
  };
  const elsewhere = options.pgdata === undefined ? {} : { PGDATA: options.pgdata };
  const archive = `barman-cloud-wal-archive -z --endpoint-url ${S3_ENDPOINT} ${url} ${server} %p`;
  const archiving = `alter system set archive_mode = on; alter system set archive_command = '${archive}';`;
  const flags = Object.entries({ ...env, ...elsewhere, ARCHIVING: archiving }).flatMap(([key, value]) => [
    '-e',
    `${key}=${value}`,
  ]);
  await mustRun('docker', [
    'run',
    '-d',
    '--name',
    name,
    '--network',
    'host',
    ...flags,
    '--entrypoint',
    'sh',
    `odo-parts/maker:${major}`,
    '-c',
    FIRST_START,
    'sh',
    'postgres',
    '-c',
    'listen_addresses=127.0.0.1',
    // It need not survive a crash of this machine, only its backups are of interest.
    '-c',
    'fsync=off',
    ...Object.entries(options.settings ?? {}).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);

  const exec = (argv: readonly string[], user = 'postgres') => mustExecIn(name, argv, { user });
  const sql = (text: string, database?: string) => mustAskServer(name, text, database);
  const ready = () =>
    until(`${name} answers`, async () => {
      if (await answersSoon(name)) return true;
      if ((await inspectContainer(name)).State.Running) return false;
      throw new Error(`${name} has ended\n${await lastWords(name)}`);
    });

  await ready();
  const restart = async () => {
    await mustRun('docker', ['restart', '-t', '60', name]);
    await ready();
  };

  async function archiveAll(): Promise<void> {
    const segment = await sql('select pg_walfile_name(pg_switch_wal())');
    await until(`${segment} is archived`, async () => (await sql(ARCHIVED(segment))) === 't');
  }

  return {
    container: name,
    sql,
    exec,
    archiveAll,
    async barmanBackup(...more) {
      const before = new Set(await backupFolders(bucket, `${prefix}/${server}/base/`));
      await exec([
        'barman-cloud-backup',
        ...(more.some((flag) => BACKUP_CODECS.has(flag)) ? [] : ['-z']),
        '--endpoint-url',
        S3_ENDPOINT,
        '-h',
        '/var/run/postgresql',
        '-U',
        'postgres',
        '--immediate-checkpoint',
        ...more,
        url,
        server,
      ]);
      const made = (await backupFolders(bucket, `${prefix}/${server}/base/`)).filter((id) => !before.has(id));
      if (made.length !== 1) throw new Error(`barman-cloud-backup made ${made.length} backups`);
      return made[0] as string;
    },
    async baseBackup(folder, more = ['-Ft', '-z', '-X', 'stream']) {
      const local = '/tmp/basebackup';
      await exec(['pg_basebackup', '-D', local, '-c', 'fast', '--no-sync', '-h', '/var/run/postgresql', ...more]);
      await exec(['python3', '-c', UPLOAD, S3_ENDPOINT, bucket, folder, local]);
      await exec(['rm', '-rf', local]);
    },
    async archiveFast(work) {
      const archiveWith = (command: string) => sql(`alter system set archive_command = '${command}'`);
      const usual = await sql('show archive_command');
      await exec(['mkdir', '-p', '/tmp/wals']);
      await archiveWith('gzip -1 -c %p > /tmp/wals/%f.gz');
      await sql('select pg_reload_conf()');
      await work();
      await archiveAll();
      await exec([
        'python3',
        '-c',
        UPLOAD,
        S3_ENDPOINT,
        bucket,
        `${prefix}/${server}/wals/0000000100000000`,
        '/tmp/wals',
      ]);
      await archiveWith(usual);
      await sql('select pg_reload_conf()');
    },
    async promote() {
      await exec(['sh', '-c', 'touch "$PGDATA/standby.signal"']);
      await restart();
      await until(`${name} is promoted`, async () => (await sql('select pg_promote()')) === 't');
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', name]);
    },
  };
}

async function backupFolders(bucket: string, prefix: string): Promise<string[]> {
  return [...new Set((await listKeys(bucket, prefix)).map((key) => key.slice(prefix.length).split('/')[0] as string))];
}

/** The next one on which nobody listens. */
async function freePort(): Promise<number> {
  let port = ports++;
  while (!(await isFree(port))) port = ports++;
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
