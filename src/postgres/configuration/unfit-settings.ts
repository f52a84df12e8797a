import { isOn } from './configuration-file.ts';

/** The facts of the server that will run on restored files. Plain JSON. */
export interface ServerFacts {
  /** The libraries that the server can load, without `.so`. Absent when nothing could be found out. */
  libraries?: readonly string[];
  /** Mount points in the server's container. A setting may mean files there. */
  mounts: readonly string[];
  /** Settings of the server's command line, which beat every file. */
  commandLine: Readonly<Record<string, string>>;
  /** The most memory that the server's host, or its container, has. */
  memoryBytes?: number;
  /** The known addresses and names of a server in a container with a network of its own. */
  addresses?: readonly string[];
  /** The port that the server's environment tells it to listen on. */
  port?: string;
  /**
   * The server takes the place of another cluster than the backup's, or of none. So the original may still be doing
   * whatever it does to other servers.
   */
  isAnother?: boolean;
}

/** Nothing is known of a server that somebody will start later. */
export const UNKNOWN_SERVER: ServerFacts = { mounts: [], commandLine: {} };

/** A setting of the backup's configuration with which the server would not start, or not work. */
export interface UnfitSetting {
  name: string;
  was: string;
  /** The value that replaces it. */
  value: string;
  why: string;
}

/**
 * Directories that only a CloudNativePG container has: the operator's program, certificates, socket and logs; volumes
 * that are projected into it; images with extensions. Source: CloudNativePG, pkg/postgres/configuration.go, and its
 * documentation on projected volumes and image volume extensions.
 */
const OPERATOR_DIRECTORIES = ['/controller', '/projected', '/extensions'];

/** Where the servers of the official images, and Debian's, listen. */
const SOCKET_DIRECTORY = '/var/run/postgresql';

const COMMANDS = ['archive_command', 'restore_command', 'archive_cleanup_command', 'recovery_end_command'];
const SSL_FILES = ['ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file', 'ssl_crl_dir', 'ssl_dh_params_file'];
const LIBRARY_LISTS = ['shared_preload_libraries', 'session_preload_libraries', 'local_preload_libraries'];
const SEARCH_PATHS: Readonly<Record<string, string>> = {
  dynamic_library_path: '$libdir',
  extension_control_path: '$system',
};

/**
 * Finds the settings that do not fit the server, with what to put in their place. Pure; the order is that of the rules.
 */
export function findUnfitSettings(settings: ReadonlyMap<string, string>, facts: ServerFacts): UnfitSetting[] {
  const unfit: UnfitSetting[] = [];
  const replace = (name: string, value: string, why: string) => {
    const was = settings.get(name);
    // The command line beats whatever stands in a file.
    if (was !== undefined && was !== value && !(name in facts.commandLine)) unfit.push({ name, was, value, why });
  };
  const operatorPath = (name: string) => findOperatorPath(settings.get(name) ?? '', facts.mounts);

  for (const name of COMMANDS) {
    const path = operatorPath(name);
    if (path) replace(name, '', `it calls ${path}, a program of the operator that this server does not have`);
  }
  if (operatorPath('primary_conninfo'))
    replace('primary_conninfo', '', 'it leads to the old primary, with certificates of the operator');
  const certificate = isOn(settings.get('ssl')) ? SSL_FILES.map(operatorPath).find(Boolean) : undefined;
  if (certificate)
    replace('ssl', 'off', `${certificate} is a certificate of the operator that this server does not have`);
  const socket = operatorPath('unix_socket_directories');
  if (socket)
    replace('unix_socket_directories', SOCKET_DIRECTORY, `${socket} is a directory of the operator's container`);
  const log = operatorPath('log_directory');
  if (log) {
    const why = `${log} is a directory of the operator's container; the log goes to the container's own`;
    replace('logging_collector', 'off', why);
    replace('log_destination', 'stderr', why);
    replace('log_directory', 'log', why);
  }
  for (const [name, value] of Object.entries(SEARCH_PATHS)) {
    const path = operatorPath(name);
    if (path) replace(name, value, `${path} is a directory of the operator's container`);
  }
  const foreign = findForeignAddresses(settings.get('listen_addresses') ?? '', facts);
  if (foreign.length > 0)
    replace('listen_addresses', '*', `this container does not have the address ${foreign.join(', ')}`);
  const { memoryBytes } = facts;
  if (memoryBytes !== undefined && sizeOf(settings.get('shared_buffers') ?? '', BLOCK_BYTES) > memoryBytes) {
    const quarter = `${Math.max(MIN_SHARED_MIB, Math.floor(memoryBytes / 4 / MIB))}MB`;
    replace(
      'shared_buffers',
      quarter,
      `there are ${Math.floor(memoryBytes / MIB)} MiB of memory; a quarter of it is what PostgreSQL's manual advises`,
    );
  }
  for (const name of LIBRARY_LISTS) {
    const { kept, missing } = sortLibraries(settings.get(name) ?? '', facts);
    if (missing.length > 0) replace(name, kept.join(','), `this server does not have ${missing.join(', ')}`);
  }
  if (settings.get('synchronous_standby_names')) {
    replace(
      'synchronous_standby_names',
      '',
      'no standby follows the restored server, and every commit would wait for one',
    );
  }
  // Set by the operator, which starts the server again and configures it itself.
  if (log || socket) {
    replace('restart_after_crash', 'on', 'the operator that would start the server again is not there');
    replace('allow_alter_system', 'on', 'the operator that would change the configuration is not there');
  }
  return unfit;
}

const NOT_ITS_OWN = 'it takes the place of another cluster than the one that was backed up';

/**
 * Finds what a restored server would do to others that the original still does, or did for another place. Subscriptions
 * take over the original's replication slots, and jobs run against the world. Both are turned off, like archiving,
 * unless the server takes the original's own place.
 */
export function findOutgoing(
  settings: ReadonlyMap<string, string>,
  subscribes: boolean,
  facts: ServerFacts,
): UnfitSetting[] {
  if (!facts.isAnother) return [];
  const turnedOff: UnfitSetting[] = [];
  const turnOff = (name: string, was: string, value: string, why: string) => {
    if (settings.get(name) !== value && !(name in facts.commandLine)) turnedOff.push({ name, was, value, why });
  };
  if (subscribes) {
    const on = 'to let them: ALTER SYSTEM RESET max_logical_replication_workers, then restart';
    const why = `subscriptions would take over the original's replication slots, and ${NOT_ITS_OWN}; ${on}`;
    turnOff('max_logical_replication_workers', settings.get('max_logical_replication_workers') ?? '4', '0', why);
  }
  if (/(^|[,\s"/])pg_cron\b/.test(settings.get('shared_preload_libraries') ?? '')) {
    const on = 'to let them: ALTER SYSTEM RESET cron.launch_active_jobs, then reload';
    turnOff('cron.launch_active_jobs', 'on', 'off', `scheduled jobs would run here too, and ${NOT_ITS_OWN}; ${on}`);
  }
  return turnedOff;
}

const BLOCK_BYTES = 8192;
const MIB = 1024 * 1024;
const MIN_SHARED_MIB = 128;
const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: MIB, GB: 1024 * MIB, TB: 1024 * 1024 * MIB };

/** Bytes of a setting that is a size, such as `200GB`. A number alone counts `unitBytes`. 0 for any other text. */
function sizeOf(value: string, unitBytes: number): number {
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)?\s*$/.exec(value) ?? [];
  return amount === undefined ? 0 : Number(amount) * (UNITS[unit] ?? unitBytes);
}

const ANYWHERE = /^(\*|0\.0\.0\.0|::|::0|localhost|::1|127(\.\d+){3}|host\.docker\.internal)$/i;

/** Addresses to listen on that the server's container does not have, as far as that is known. */
function findForeignAddresses(value: string, { addresses }: ServerFacts): string[] {
  if (addresses === undefined) return [];
  const wanted = value.split(',').map((one) => one.trim().replace(/^"(.*)"$/, '$1'));
  return wanted.filter((one) => one !== '' && !ANYWHERE.test(one) && !addresses.includes(one));
}

/**
 * Finds what may surprise people who know a container's service: the server lets in only its own container, or listens
 * elsewhere. Nothing is overridden, since it may be meant.
 */
export function findSurprises(settings: ReadonlyMap<string, string>, isWhole: boolean, facts: ServerFacts): string[] {
  if (facts.addresses === undefined) return [];
  const surprises: string[] = [];
  const listens =
    facts.commandLine.listen_addresses ?? settings.get('listen_addresses') ?? (isWhole ? 'localhost' : '*');
  if (listens.split(',').every((one) => /^\s*(localhost|::1|127(\.\d+){3})?\s*$/i.test(one))) {
    surprises.push(
      `listen_addresses is ${listens === '' ? 'empty' : listens}: applications in other containers will not ` +
        'reach this server; --set "listen_addresses=*" lets them',
    );
  }
  const usual = facts.port ?? '5432';
  const port = facts.commandLine.port ?? settings.get('port') ?? usual;
  if (port !== usual) {
    surprises.push(
      `the server listens on port ${port}, as the original did, not on ${usual}; --set port=${usual} has it ` +
        'where applications expect it',
    );
  }
  return surprises;
}

/** The first path of the operator's in a value, unless something is mounted there. */
function findOperatorPath(value: string, mounts: readonly string[]): string | undefined {
  const paths = value.match(/\/[\w./-]+/g) ?? [];
  return paths.find(
    (path) =>
      OPERATOR_DIRECTORIES.some((directory) => isBelow(path, directory)) &&
      !mounts.some((mount) => isBelow(path, mount)),
  );
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.replace(/\/?$/, '/'));
}

function sortLibraries(list: string, { libraries }: ServerFacts): { kept: string[]; missing: string[] } {
  const names = list
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
    .filter(Boolean);
  // A library with a path of its own lies elsewhere than the listed ones.
  const isThere = (name: string) => {
    const plain = name.replace(/^\$libdir\/(plugins\/)?/, '').replace(/\.so$/, '');
    return libraries === undefined || plain.includes('/') || libraries.includes(plain);
  };
  return { kept: names.filter(isThere), missing: names.filter((name) => !isThere(name)) };
}
