import { OWN } from './own.ts';
import { mustRun, until } from './run.ts';
import { S3_ENDPOINT, S3_KEYS } from './s3.ts';

let clusters = 0;

/** A server as Debian's packages run it: its data in one directory, its configuration in another. */
export interface DebianCluster {
  container: string;
  sql(text: string): Promise<string>;
  /** Runs a shell script as the postgres user. */
  shell(script: string): Promise<string>;
  /** Takes a barman-cloud backup and archives its WAL, below `s3://bucket/prefix/shop`. */
  barmanBackup(bucket: string, prefix: string): Promise<void>;
  remove(): Promise<void>;
}

const CONF = '/etc/postgresql/15/main';
export const DEBIAN_DATA = '/var/lib/postgresql/15/main';

/** What Debian's `pg_createcluster` writes where PostgreSQL's own default is another. */
const SETTINGS = `
data_directory = '${DEBIAN_DATA}'
hba_file = '${CONF}/pg_hba.conf'
ident_file = '${CONF}/pg_ident.conf'
external_pid_file = '/var/run/postgresql-15/main.pid'
unix_socket_directories = '/var/run/postgresql'
ssl = on
ssl_cert_file = '/etc/ssl/certs/ssl-cert-snakeoil.pem'
ssl_key_file = '/etc/ssl/private/ssl-cert-snakeoil.key'
log_line_prefix = '%m [%p] %q%u@%d '
cluster_name = '15/main'
max_connections = 120
listen_addresses = 'localhost'
include_dir = 'conf.d'
`;

/** Makes the cluster and starts it, on the host's network, where the S3 server listens. */
const START = `
set -e
mkdir -p ${CONF}/conf.d /etc/ssl/private /var/run/postgresql-15 $(dirname ${DEBIAN_DATA})
openssl req -new -x509 -nodes -subj /CN=snakeoil -days 3 \\
  -keyout /etc/ssl/private/ssl-cert-snakeoil.key -out /etc/ssl/certs/ssl-cert-snakeoil.pem 2>/dev/null
chmod 0600 /etc/ssl/private/ssl-cert-snakeoil.key
chown -R postgres:postgres /etc/postgresql /etc/ssl/private /var/run/postgresql-15 /var/lib/postgresql
as='setpriv --reuid postgres --regid postgres --init-groups'
$as initdb -D ${DEBIAN_DATA} --no-sync -A trust > /dev/null
mv ${DEBIAN_DATA}/*.conf ${CONF}/
mv ${CONF}/postgresql.auto.conf ${DEBIAN_DATA}/
printf '%s' "$SETTINGS" >> ${CONF}/postgresql.conf
exec $as postgres -c config_file=${CONF}/postgresql.conf -c listen_addresses= -c fsync=off
`;

export async function startDebianCluster(): Promise<DebianCluster> {
  const container = `odo-test-debian-${OWN}-${++clusters}`;
  const env = Object.entries(S3_KEYS).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  const settings = ['-e', `SETTINGS=${SETTINGS}`];
  const run = ['run', '-d', '--name', container, '--network', 'host', ...env, ...settings, '--entrypoint', 'sh'];
  await mustRun('docker', [...run, 'odo-parts/maker:15', '-c', START]);
  const shell = (script: string) => mustRun('docker', ['exec', '-u', 'postgres', container, 'sh', '-c', script]);
  const sql = (text: string) =>
    mustRun('docker', ['exec', '-u', 'postgres', container, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text]);
  await until(`${container} answers`, () =>
    sql('select 1').then(
      () => true,
      () => false,
    ),
  );
  return {
    container,
    sql,
    shell,
    async barmanBackup(bucket, prefix) {
      const url = `s3://${bucket}/${prefix}`;
      const archive = `barman-cloud-wal-archive -z --endpoint-url ${S3_ENDPOINT} ${url} shop`;
      const flags = [
        '-z',
        '--endpoint-url',
        S3_ENDPOINT,
        '-h',
        '/var/run/postgresql',
        '-U',
        'postgres',
        '--immediate-checkpoint',
      ];
      const taken = mustRun('docker', [
        'exec',
        '-u',
        'postgres',
        container,
        'barman-cloud-backup',
        ...flags,
        url,
        'shop',
      ]);
      // Nothing archives: what the backup waits for is brought there by hand.
      await taken;
      await sql('select pg_switch_wal()');
      await shell(
        `cd ${DEBIAN_DATA}/pg_wal && for wal in $(ls | grep -E '^[0-9A-F]{24}$' | head -n -1); do ${archive} ` +
          '$PWD/$wal; done',
      );
    },
    async remove() {
      await mustRun('docker', ['rm', '-f', '-v', container]);
    },
  };
}
