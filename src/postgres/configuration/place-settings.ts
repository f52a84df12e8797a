import type { Amendment } from './amendment.ts';
import { type EffectiveSettings, isOn } from './configuration-file.ts';
import { NO_CONFIGURATION, NO_HBA } from './made-configuration.ts';

/**
 * Asks the container of the server. read: whether a file can be read. write: whether a directory can be written to.
 * make: whether it can be, or can be made. locale: whether the server knows it.
 */
export type AskPlace = (what: 'read' | 'write' | 'make' | 'locale', of: string) => boolean;

const SSL_FILES: Readonly<Record<string, string>> = {
  ssl_cert_file: 'server.crt',
  ssl_key_file: 'server.key',
  ssl_ca_file: '',
  ssl_crl_file: '',
  ssl_crl_dir: '',
  ssl_dh_params_file: '',
};

/** Where the servers of images listen; the first that can be written to. */
const SOCKET_DIRECTORIES = ['/var/run/postgresql', '/run/postgresql', '/tmp'];

export interface PlacedConfiguration {
  effective: EffectiveSettings;
  dataDirectory: string;
  /** The server is told to read its configuration from elsewhere. */
  configElsewhere: boolean;
  /** The content of the files that have to be made. */
  made: { conf: string; hba: string };
}

/**
 * Finds settings that name missing files or directories, and missing configuration files. Everything is asked in each
 * run, so that a first run with any answers shows all the questions.
 */
export function judgePlaces(
  { effective, dataDirectory, configElsewhere, made }: PlacedConfiguration,
  ask: AskPlace,
): Amendment[] {
  const { settings } = effective;
  const amendments: Amendment[] = [];
  const set = (name: string, value: string, why: string) => {
    const was = settings.get(name) ?? '';
    if (was !== value) amendments.push({ do: 'set', name, was, value, why });
  };
  const inData = (path: string) => (path.startsWith('/') ? path : `${dataDirectory}/${path}`);

  if (!ask('read', inData('postgresql.conf')) && !configElsewhere) {
    amendments.push({ do: 'make', file: 'postgresql.conf', content: made.conf, why: NO_CONFIGURATION });
  }
  for (const { value, directive, path } of effective.unread ?? []) {
    const isThere = ask('read', inData(path));
    if (!isThere && directive !== 'include_if_exists') {
      amendments.push({ do: 'exclude', value, why: 'it is not there' });
    }
  }

  const ownHba = inData('pg_hba.conf');
  const hasOwn = ask('read', ownHba);
  const hba = settings.get('hba_file');
  const isHbaThere = hba === undefined ? hasOwn : ask('read', hba);
  if (!isHbaThere && !(configElsewhere && hba === undefined)) {
    if (hba !== undefined) set('hba_file', ownHba, `${hba} is not there`);
    if (!hasOwn) {
      amendments.push({ do: 'make', file: 'pg_hba.conf', content: made.hba, why: NO_HBA });
    }
  }
  const ident = settings.get('ident_file');
  if (ident !== undefined && !ask('read', ident)) set('ident_file', inData('pg_ident.conf'), `${ident} is not there`);

  const pidFile = settings.get('external_pid_file') ?? '';
  if (pidFile !== '' && !ask('write', folderOf(inData(pidFile)))) {
    set('external_pid_file', '', `${folderOf(pidFile)} is not there, or cannot be written to`);
  }

  const certificates = Object.entries(SSL_FILES).map(([name, usual]) => settings.get(name) ?? usual);
  const lost = certificates.filter((path) => path !== '' && !ask('read', inData(path)));
  if (isOn(settings.get('ssl')) && lost.length > 0) {
    set('ssl', 'off', `${lost.join(', ')} is not there, or cannot be read by the server`);
  }

  const free = SOCKET_DIRECTORIES.filter((directory) => ask('write', directory));
  const sockets = listOf(settings.get('unix_socket_directories') ?? '');
  const usable = sockets.filter((directory) => directory.startsWith('@') || ask('write', inData(directory)));
  if (usable.length < sockets.length && (usable.length > 0 || free.length > 0)) {
    const value = usable.length > 0 ? usable.join(', ') : (free[0] ?? '');
    const unusable = sockets.filter((directory) => !usable.includes(directory));
    set('unix_socket_directories', value, `${unusable.join(', ')} is not there, or cannot be written to`);
  }

  const logs = settings.get('log_directory') ?? 'log';
  if (!ask('make', inData(logs)) && isOn(settings.get('logging_collector'))) {
    set('log_directory', 'log', `${logs} is not there, or cannot be written to`);
  }

  // The rehearsal itself speaks English, so that a server would not complain there.
  const messages = settings.get('lc_messages') ?? '';
  if (messages !== '' && !ask('locale', messages))
    set('lc_messages', 'C', `this image does not have the locale ${messages}`);
  return amendments;
}

function folderOf(path: string): string {
  return path.replace(/\/[^/]*$/, '') || '/';
}

function listOf(value: string): string[] {
  return value
    .split(',')
    .map((one) => one.trim().replace(/^"(.*)"$/, '$1'))
    .filter(Boolean);
}
