import { mustRun, run, until } from '../../integration/parts/run.ts';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { type Bench, environmentFlags, OURS, RIVALS_IMAGE, rivalEnvironment } from '../bench.ts';

const PORT = 54990;
const SERVER = 'shop';
/** A row of text that packs to less than half, as ordinary tables do. */
const TEXT = (rows: number) =>
  `select n as id,
      encode(sha512(n::text::bytea), 'hex')
        || repeat('all work and ', 6)
        || encode(sha512((-n)::text::bytea), 'hex') as what
    from generate_series(1, ${rows}) n`;

/** The files that hold the database: what every restore has to bring back. */
export interface Content {
  files: number;
  bytes: number;
}

/** A server whose repositories are restored in the benchmark. */
export interface Source {
  sql(text: string): Promise<string>;
  /** Runs a bash script as the postgres user. */
  exec(script: string): Promise<string>;
  /** A table of so many rows of text. */
  createText(table: string, rows: number, clause?: string): Promise<void>;
  archiveWith(command: string): Promise<void>;
  /** Switches to a new segment and waits until the old one is archived. */
  archiveAll(): Promise<void>;
  /** What lies in the data directory, once everything is on disk. */
  content(): Promise<Content>;
  /** pg_basebackup's tar, gzip, with the WAL it needs in it, to `sets/DATE/` of the bucket. */
  baseBackup(): Promise<void>;
  /** barman-cloud-backup to `barman/` of the bucket; gives the backup's id. */
  barmanBackup(...flags: string[]): Promise<string>;
  /** pgbackrest backup to `pgbackrest/` of the bucket, with small files bundled. */
  pgbackrestBackup(): Promise<void>;
  remove(): Promise<void>;
}

export const SET = 'sets/20251024T022608';
export const BARMAN_SERVER = SERVER;
export const BARMAN_ARCHIVE = (bucket: string) =>
  `barman-cloud-wal-archive -z --endpoint-url ${S3_ENDPOINT} s3://${bucket}/barman ${SERVER} %p`;
export const PGBACKREST_ARCHIVE = 'pgbackrest archive-push %p';

/** The database's files; what every server makes anew when it starts is left out. */
const COUNT =
  `cd "$PGDATA" && find -L base global pg_tblspc -type f ! -name 'pg_internal.init*' -printf '%s\\n' | awk '{ ` +
  `n++; s += $1 } END { printf "%d %.0f", n, s }'`;

/** Starts a server that is quick rather than safe. */
export async function startSource(bench: Bench, bucket: string): Promise<Source> {
  const name = `odo-bench-source-${process.pid}`;
  const environment = {
    ...rivalEnvironment('/ca.crt'),
    POSTGRES_PASSWORD: 'bench',
    PGPORT: String(PORT),
    PGBACKREST_REPO1_S3_BUCKET: bucket,
    PGBACKREST_REPO1_BUNDLE: 'y',
    PGBACKREST_PG1_PATH: '/var/lib/postgresql/data',
    PGBACKREST_PG1_PORT: String(PORT),
    PGBACKREST_START_FAST: 'y',
  };
  await run('docker', ['rm', '-fv', name]);
  await mustRun('docker', [
    ...[
      'create',
      '--name',
      name,
      ...OURS,
      '--network',
      'host',
      '--shm-size',
      '1g',
      ...environmentFlags(environment),
      RIVALS_IMAGE,
    ],
    ...[
      'postgres',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'fsync=off',
      '-c',
      'max_wal_senders=4',
      '-c',
      'autovacuum=off',
    ],
    ...['-c', 'archive_mode=on', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=on'],
  ]);
  await mustRun('docker', ['cp', bench.caFile, `${name}:/ca.crt`]);
  await mustRun('docker', ['start', name]);

  const exec = (script: string) =>
    mustRun('docker', ['exec', '-u', 'postgres', name, 'bash', '-eu', '-o', 'pipefail', '-c', script]);
  const sql = (text: string) =>
    mustRun('docker', ['exec', '-u', 'postgres', name, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text]);
  await until(
    `${name} answers`,
    async () => (await run('docker', ['exec', name, 'pg_isready', '-q', '-h', '127.0.0.1'])).code === 0,
  );
  await sql("alter system set shared_buffers = '512MB'");
  await sql("alter system set max_wal_size = '4GB'");
  await sql("alter system set archive_command = '/bin/true'");
  await mustRun('docker', ['restart', '-t', '60', name]);
  await until(
    `${name} answers`,
    async () => (await run('docker', ['exec', name, 'pg_isready', '-q', '-h', '127.0.0.1'])).code === 0,
  );

  return {
    sql,
    exec,
    async createText(table, rows, clause = '') {
      await sql(`create table ${table} ${clause} as ${TEXT(rows)}`);
    },
    async archiveWith(command) {
      await sql(`alter system set archive_command = '${command}'`);
      await sql('select pg_reload_conf()');
    },
    async archiveAll() {
      const segment = await sql('select pg_walfile_name(pg_switch_wal())');
      const archived =
        `select last_archived_wal ~ '^[0-9A-F]{24}$' and last_archived_wal collate "C" >= '${segment}' from ` +
        'pg_stat_archiver';
      await until(`${segment} is archived`, async () => (await sql(archived)) === 't', 1_800_000);
    },
    async content() {
      await sql('checkpoint');
      const [files = 0, bytes = 0] = (await exec(COUNT)).split(' ').map(Number);
      return { files, bytes };
    },
    async baseBackup() {
      await exec(`rm -rf /tmp/set && pg_basebackup -D /tmp/set -Ft -z -X fetch -c fast -h /var/run/postgresql
        aws s3 cp --recursive --only-show-errors --endpoint-url ${S3_ENDPOINT} /tmp/set s3://${bucket}/${SET}
        rm -rf /tmp/set`);
    },
    async barmanBackup(...flags) {
      await exec(
        `barman-cloud-backup -z --immediate-checkpoint -h /var/run/postgresql -U postgres ${flags.join(' ')} \
          --endpoint-url ${S3_ENDPOINT} s3://${bucket}/barman ${SERVER}`,
      );
      return exec(
        `barman-cloud-backup-list --endpoint-url ${S3_ENDPOINT} --format json s3://${bucket}/barman ${SERVER} |
          python3 -c 'import json, sys; print(json.load(sys.stdin)["backups_list"][-1]["backup_id"])'`,
      );
    },
    async pgbackrestBackup() {
      await exec('pgbackrest stanza-create && pgbackrest backup --type=full');
    },
    async remove() {
      await run('docker', ['rm', '-fv', name]);
    },
  };
}
