import type { Options } from 'yargs';
import { CONNECTION_OPTIONS } from './connection.ts';
import { TARGET_OPTIONS } from './target-options.ts';

/** Options of the store, as every command that reads a repository has them. */
export const STORE_OPTIONS = {
  'aws-access-key': { alias: 'a', type: 'string', requiresArg: true, describe: 'S3 access key [AWS_ACCESS_KEY_ID]' },
  'aws-secret-key': {
    alias: 's',
    type: 'string',
    requiresArg: true,
    describe: 'S3 secret key; the environment is safer [AWS_SECRET_ACCESS_KEY]',
  },
  'aws-region': {
    alias: 'r',
    type: 'string',
    requiresArg: true,
    describe: 'S3 region [AWS_DEFAULT_REGION, AWS_REGION]',
  },
  's3-url': {
    alias: 'u',
    type: 'string',
    requiresArg: true,
    describe: 'where the backups are: s3://bucket/prefix, a server, one backup, one object [S3_BACKUP_URL]',
  },
  server: {
    type: 'string',
    requiresArg: true,
    describe: 'which of several servers under the URL, by its name or its folder',
  },
  endpoint: { alias: 'e', type: 'string', requiresArg: true, describe: 'URL of an S3-compatible server [S3_ENDPOINT]' },
  'path-style': {
    type: 'boolean',
    describe: 'http://server/bucket/key addressing (the default with --endpoint; --no-path-style turns it off)',
  },
  ...CONNECTION_OPTIONS,
  'retry-for': {
    type: 'string',
    requiresArg: true,
    default: '600',
    describe: 'seconds that a download goes on trying when the store fails',
  },
} as const satisfies Record<string, Options>;

/** Options that say which service. */
export const SERVICE_OPTIONS = {
  volume: {
    alias: 'v',
    type: 'string',
    requiresArg: true,
    describe: "the service's data volume: compose's name or the real one",
  },
  service: { alias: 'n', type: 'string', requiresArg: true, describe: 'the compose service' },
  'compose-file': {
    alias: 'f',
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'the compose file; may be given several times',
  },
  'project-name': {
    type: 'string',
    requiresArg: true,
    describe: "compose's project name, when it is not the default [COMPOSE_PROJECT_NAME]",
  },
  'project-directory': {
    type: 'string',
    requiresArg: true,
    describe: "what relative paths of the compose files begin at, when it is not the first one's folder",
  },
  'env-file': {
    type: 'string',
    array: true,
    requiresArg: true,
    describe:
      'a file with variables of the compose files, in place of .env; may be given several times; ' +
      'COMPOSE_ENV_FILES does as well',
  },
  image: { type: 'string', requiresArg: true, describe: 'the restore image (default: odo:VERSION) [ODO_IMAGE]' },
  network: {
    type: 'string',
    requiresArg: true,
    describe: "the restore container's network (default: host for a loopback endpoint, else bridge)",
  },
  'stop-timeout': {
    type: 'string',
    requiresArg: true,
    default: '120',
    describe: 'seconds that the server gets to stop by itself',
  },
} as const satisfies Record<string, Options>;

/** Options of a restore. */
export const RESTORE_OPTIONS = {
  'replace-conf': {
    alias: 'c',
    type: 'string',
    describe: 'replace postgresql.auto.conf by DIR/postgresql.auto.conf (DIR: confs)',
  },
  'archive-mode': {
    choices: ['off', 'keep'],
    default: 'off',
    describe:
      "off: archiving is off in the restored copy, so that it cannot write into the original's archive; " +
      'keep: as configured',
  },
  set: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'NAME=VALUE: a setting for the restored server, which stays; may be given several times',
  },
  'keep-settings': {
    type: 'boolean',
    default: false,
    describe: "override none of the backup's settings, also where the server lacks what they name (files, libraries)",
  },
  'pg-hba': { type: 'string', requiresArg: true, describe: 'replace pg_hba.conf by this file' },
  'post-sql': {
    type: 'string',
    requiresArg: true,
    describe:
      'folder with *.sql scripts to run in the restored database, in the order of their names, as the postgres user',
  },
  standby: {
    alias: 'S',
    type: 'boolean',
    default: false,
    describe:
      'leave the restored server a standby, which replays what the archive holds, then follows its primary; ' +
      'odo follow brings it what is archived later, odo promote ends it',
  },
  'primary-conninfo': {
    type: 'string',
    requiresArg: true,
    describe: 'with --standby: how the primary is reached; the environment is safer for a password [PRIMARY_CONNINFO]',
  },
  'primary-conninfo-file': { type: 'string', requiresArg: true, describe: 'the same, read from a file' },
  'new-volume': {
    alias: 'V',
    type: 'string',
    requiresArg: true,
    describe: 'restore to this new volume; the running service is left alone',
  },
  switch: { type: 'boolean', default: false, describe: 'with --new-volume: point the service at it once it is ready' },
  temporary: {
    type: 'boolean',
    default: false,
    describe: 'a second database beside the running service, on 127.0.0.1 only; odo temporary stop ends it',
  },
  port: {
    type: 'number',
    requiresArg: true,
    describe: 'with --temporary: its port on 127.0.0.1 (default: a free one)',
  },
  into: { type: 'string', requiresArg: true, describe: 'restore to this directory, without Docker' },
  backup: { type: 'string', requiresArg: true, default: 'latest', describe: 'which backup: latest, or its id' },
  ...TARGET_OPTIONS,
  tablespace: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'NAME=PATH: where a tablespace goes (NAME: its name, OID or old path); may be given several times',
  },
  owner: {
    type: 'string',
    requiresArg: true,
    describe: 'UID:GID of the files (default: as the service has it; 999:999)',
  },
  verify: {
    choices: ['stream', 'full'],
    default: 'stream',
    describe:
      'stream: check everything that streams by; full: also all data page checksums, and pg_amcheck after promotion',
  },
  sync: { type: 'boolean', default: true, describe: '--no-sync does not flush to disk' },
  spool: {
    type: 'string',
    requiresArg: true,
    default: '1GiB',
    describe: 'how much WAL may wait on the volume for the recovering server: bytes, or with K, M, G',
  },
  memory: {
    type: 'string',
    requiresArg: true,
    describe: 'memory that a restore may take: bytes, or with K, M, G (default: 256M; 192M at least)',
  },
  connections: {
    type: 'string',
    requiresArg: true,
    describe: 'requests to the store at once for each part of the backup (default: by the measured rate, 4 to 16)',
  },
  'stall-timeout': {
    type: 'string',
    requiresArg: true,
    default: '600',
    describe: 'seconds that recovery may go without progress',
  },
  wipe: {
    type: 'boolean',
    default: false,
    describe: 'delete the old data first, for volumes that cannot hold both; asks on a terminal, needs --yes elsewhere',
  },
  'allow-different-cluster': {
    type: 'boolean',
    default: false,
    describe: "delete even the data of another cluster than the backup's: with --wipe, or after the restore",
  },
  salvage: {
    type: 'boolean',
    default: true,
    describe:
      '--no-salvage restores to the end of the archive only, and not on with the WAL that the old data has behind it',
  },
  rehearsal: {
    type: 'boolean',
    default: true,
    describe: "--no-rehearsal exchanges without trying first whether the service's server starts on what was laid down",
  },
  'accept-loss': {
    type: 'boolean',
    default: false,
    describe:
      'delete the old data even where it holds transactions that nothing else has; without it, it is kept ' +
      'then, and --wipe and odo clean refuse',
  },
  'keep-previous': {
    type: 'boolean',
    default: false,
    describe: 'keep the old data after success, for odo rollback; odo clean removes it',
  },
  online: {
    type: 'boolean',
    default: false,
    describe: 'lay down beside the running service, stop it for the exchange only',
  },
  'leave-stopped': { type: 'boolean', default: false, describe: 'do not start the service again after a failure' },
  fresh: { type: 'boolean', default: false, describe: 'start over instead of going on from an interrupted run' },
  discard: {
    type: 'boolean',
    default: false,
    describe: 'after a failure remove what was laid down, instead of keeping it for resuming',
  },
  'dry-run': { type: 'boolean', default: false, describe: 'make every check and print the plan, touch nothing' },
} as const satisfies Record<string, Options>;

/** Options of every command. */
export const OUTPUT_OPTIONS = {
  config: {
    type: 'string',
    requiresArg: true,
    describe: 'a YAML file with options, its keys named as the long options (default: odo.yaml, where there is one)',
  },
  yes: { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' },
  json: {
    type: 'boolean',
    default: false,
    describe: 'events as NDJSON on stderr, the result as one JSON document on stdout',
  },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'tell warnings, errors and the result only' },
  verbose: { type: 'boolean', default: false, describe: 'tell the settings in force, and the causes of an error' },
} as const satisfies Record<string, Options>;
