import { mustRun, until } from './run.ts';
import { S3_ENDPOINT } from './s3.ts';
import { answersSoon } from './server-answers.ts';
import { type SourceCluster, startSource } from './source-cluster.ts';

const CERTIFICATES = '/controller/certificates';
const LOGGING = '--log-destination /controller/log/postgres.json';

/** Before the operator's own settings, as initdb leaves it; these two lines are the operator's. */
const INCLUDES = `
# load CloudNativePG custom.conf configuration
include 'custom.conf'

# load CloudNativePG override.conf configuration
include 'override.conf'
`;

/**
 * Sorted by name, as the operator writes it; it has a synchronous standby, audits, and has room for many connections.
 */
const CUSTOM_CONF = `archive_command = '/controller/manager wal-archive ${LOGGING} %p'
archive_mode = 'on'
archive_timeout = '5min'
cluster_name = 'shop'
dynamic_shared_memory_type = 'posix'
full_page_writes = 'on'
hot_standby = 'true'
listen_addresses = '*'
log_destination = 'csvlog'
log_directory = '/controller/log'
log_filename = 'postgres'
log_rotation_age = '0'
log_rotation_size = '0'
log_truncate_on_rotation = 'false'
logging_collector = 'on'
max_connections = '150'
max_parallel_workers = '32'
max_replication_slots = '32'
max_worker_processes = '32'
pg_stat_statements.max = '10000'
restart_after_crash = 'false'
shared_memory_type = 'mmap'
shared_preload_libraries = 'pgaudit,pg_stat_statements'
ssl = 'on'
ssl_ca_file = '${CERTIFICATES}/client-ca.crt'
ssl_cert_file = '${CERTIFICATES}/server.crt'
ssl_key_file = '${CERTIFICATES}/server.key'
ssl_max_protocol_version = 'TLSv1.3'
ssl_min_protocol_version = 'TLSv1.3'
synchronous_standby_names = 'ANY 1 ("shop-2","shop-3")'
unix_socket_directories = '/controller/run'
wal_keep_size = '512MB'
wal_level = 'logical'
wal_log_hints = 'on'
wal_receiver_timeout = '5s'
wal_sender_timeout = '5s'
cnpg.config_sha256 = '8ce2c5f3a7d0c4b9'
`;

/**
 * What the operator writes besides, from a version on: it alone changes the configuration, and extensions come in
 * images of their own.
 */
const SINCE: Readonly<Record<number, string>> = {
  17: "allow_alter_system = 'off'\n",
  18:
    "dynamic_library_path = '$libdir:/extensions/vector/lib'\n" +
    "extension_control_path = '$system:/extensions/vector/share'\n",
};

const PRIMARY = [
  'host=shop-rw user=streaming_replica port=5432',
  `sslkey=${CERTIFICATES}/streaming_replica.key`,
  `sslcert=${CERTIFICATES}/streaming_replica.crt`,
  `sslrootcert=${CERTIFICATES}/server-ca.crt`,
  'application_name=shop-1 sslmode=verify-ca',
].join(' ');

/** What is left of the time when this instance was a replica. */
const OVERRIDE_CONF = `primary_conninfo = '${PRIMARY}'
recovery_target_timeline = 'latest'
restore_command = '/controller/manager wal-restore ${LOGGING} %f %p'
`;

const HBA = `
# Grant local access ('local' user map)
local all all peer map=local

# Require client certificate authentication for the streaming_replica user
hostssl postgres streaming_replica all cert
hostssl replication streaming_replica all cert
hostssl all cnpg_pooler_pgbouncer all cert

# Otherwise use the default authentication method
host all all all scram-sha-256
`;

/**
 * The operator writes the name of whoever it runs as, which need not be postgres; here the server's own user is let in
 * besides, for this harness.
 */
const IDENT = 'local enterprise postgres\n';
const IDENT_OF_HARNESS = 'local postgres postgres\n';

/**
 * A cluster that is configured exactly as CloudNativePG leaves its instances, in a container that has what the
 * operator's has.
 */
export interface CloudNativeCluster {
  sql(text: string, database?: string): Promise<string>;
  /** As the operator does it. */
  backup(): Promise<void>;
  archiveAll(): Promise<void>;
  remove(): Promise<void>;
}

export async function startCloudNativeCluster(options: {
  major: 15 | 17 | 18;
  bucket: string;
  prefix: string;
  server: string;
}): Promise<CloudNativeCluster> {
  const { major } = options;
  const pgdata = '/var/lib/postgresql/data/pgdata';
  const source: SourceCluster = await startSource({ ...options, pgdata });
  const url = `s3://${options.bucket}/${options.prefix}`;
  const name = source.container;
  const asRoot = (script: string) => source.exec(['sh', '-ec', script], 'root');
  const write = (file: string, content: string) =>
    mustRun('docker', ['exec', '-i', '-u', 'postgres', name, 'sh', '-c', `cat > "${file}"`], { input: content });
  // Nothing confirms a commit here: the standbys are those of the original.
  const sql = (text: string, database = 'postgres') =>
    source.exec([
      ...['env', 'PGHOST=/controller/run', 'PGOPTIONS=-c synchronous_commit=local'],
      ...['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', text],
    ]);

  // The operator's images have libraries that plain ones lack; any library will do for one.
  await asRoot(`
    cd "$(pg_config --pkglibdir)" && cp passwordcheck.so pgaudit.so
    mkdir -p /controller/run /controller/log ${CERTIFICATES}
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=shop-rw \\
      -keyout ${CERTIFICATES}/server.key -out ${CERTIFICATES}/server.crt 2>/dev/null
    cp ${CERTIFICATES}/server.crt ${CERTIFICATES}/client-ca.crt
    printf '%s\\n' '#!/bin/sh' 'for last; do :; done' \\
      'exec barman-cloud-wal-archive -z --endpoint-url ${S3_ENDPOINT} ${url} ${options.server} "$last"' \\
      > /controller/manager
    chmod 755 /controller/manager
    chown -R postgres:postgres /controller && chmod 600 ${CERTIFICATES}/server.key`);
  await source.sql('alter system reset all');
  const later = Object.entries(SINCE).filter(([since]) => major >= Number(since));
  await write(`${pgdata}/custom.conf`, CUSTOM_CONF + later.map(([, lines]) => lines).join(''));
  await write(`${pgdata}/override.conf`, OVERRIDE_CONF);
  await source.exec(['sh', '-c', `printf '%s' "$0" >> "$PGDATA/postgresql.conf"`, INCLUDES]);
  await write(`${pgdata}/pg_hba.conf`, HBA);
  await write(`${pgdata}/pg_ident.conf`, IDENT + IDENT_OF_HARNESS);
  // Where ALTER SYSTEM cannot be ruled out by a setting.
  if (major < 17) await source.exec(['chmod', '0400', `${pgdata}/postgresql.auto.conf`]);
  await mustRun('docker', ['restart', '-t', '60', name]);
  await until(`${name} answers`, () => answersSoon(name, '/controller/run'));
  await sql("select 1 / (count(*) = 1)::int from pg_settings where name = 'ssl' and setting = 'on'");

  return {
    sql,
    async backup() {
      // Into the backup goes what the operator would have written.
      await write(`${pgdata}/pg_ident.conf`, IDENT);
      await source.exec([
        ...['env', 'PGHOST=/controller/run', 'barman-cloud-backup', '--user', 'postgres', '--name', 'backup-20260101'],
        ...[
          '--gzip',
          '--endpoint-url',
          S3_ENDPOINT,
          '--cloud-provider',
          'aws-s3',
          '--immediate-checkpoint',
          url,
          options.server,
        ],
      ]);
    },
    async archiveAll() {
      const segment = await sql('select pg_walfile_name(pg_switch_wal())');
      const archived = `select coalesce(last_archived_wal, '') collate "C" >= '${segment}' from pg_stat_archiver`;
      await until(`${segment} is archived`, async () => (await sql(archived)) === 't');
    },
    remove: () => source.remove(),
  };
}
