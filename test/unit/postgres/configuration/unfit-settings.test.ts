import { describe, expect, it } from 'vitest';
import {
  findUnfitSettings,
  type ServerFacts,
  UNKNOWN_SERVER,
} from '../../../../src/postgres/configuration/unfit-settings.ts';

const PLAIN: ServerFacts = {
  libraries: ['plpgsql', 'pg_stat_statements', 'auto_explain'],
  mounts: ['/var/lib/postgresql/data'],
  commandLine: {},
};

function overridden(settings: Record<string, string>, facts: ServerFacts = PLAIN): Record<string, string> {
  return Object.fromEntries(
    findUnfitSettings(new Map(Object.entries(settings)), facts).map(({ name, value }) => [name, value]),
  );
}

describe('settings that do not fit', () => {
  it('are none of an ordinary configuration', () => {
    expect(
      overridden({
        archive_command: 'cp %p /backup/%f',
        ssl: 'on',
        ssl_cert_file: '/etc/ssl/certs/server.crt',
        unix_socket_directories: '/var/run/postgresql',
        log_directory: 'log',
        logging_collector: 'on',
        restart_after_crash: 'off',
        allow_alter_system: 'off',
        shared_preload_libraries: 'pg_stat_statements',
        synchronous_standby_names: '',
      }),
    ).toEqual({});
  });

  it("are those that lead into the operator's container", () => {
    expect(
      overridden({
        archive_command: '/controller/manager wal-archive %p',
        restore_command: '/controller/manager wal-restore %f %p',
        primary_conninfo: 'host=x sslkey=/controller/certificates/streaming_replica.key',
        ssl: 'on',
        ssl_cert_file: '/controller/certificates/server.crt',
        unix_socket_directories: '/controller/run',
        logging_collector: 'on',
        log_destination: 'csvlog',
        log_directory: '/controller/log',
        restart_after_crash: 'false',
        allow_alter_system: 'off',
        dynamic_library_path: '$libdir:/extensions/vector/lib',
        extension_control_path: '$system:/extensions/vector/share',
      }),
    ).toEqual({
      archive_command: '',
      restore_command: '',
      primary_conninfo: '',
      ssl: 'off',
      unix_socket_directories: '/var/run/postgresql',
      logging_collector: 'off',
      log_destination: 'stderr',
      log_directory: 'log',
      restart_after_crash: 'on',
      allow_alter_system: 'on',
      dynamic_library_path: '$libdir',
      extension_control_path: '$system',
    });
  });

  it('are not those with something mounted, nor those of the command line, nor certificates that are not used', () => {
    const mounted = {
      ...PLAIN,
      mounts: ['/controller/certificates'],
      commandLine: { unix_socket_directories: '/run' },
    };
    expect(
      overridden(
        { ssl: 'on', ssl_cert_file: '/controller/certificates/server.crt', unix_socket_directories: '/controller/run' },
        mounted,
      ),
    ).toEqual({});
    expect(overridden({ ssl: 'off', ssl_cert_file: '/controller/certificates/server.crt' })).toEqual({});
    expect(overridden({ archive_command: '/controllers/x %p' })).toEqual({});
  });

  it('are lists with libraries that the server does not have; the others stay, in their order', () => {
    expect(
      overridden({
        shared_preload_libraries: 'auto_explain, "pgaudit",$libdir/pg_stat_statements',
        session_preload_libraries: 'timescaledb',
        local_preload_libraries: '$libdir/plugins/auto_explain.so',
      }),
    ).toEqual({ shared_preload_libraries: 'auto_explain,$libdir/pg_stat_statements', session_preload_libraries: '' });
    const [first] = findUnfitSettings(new Map([['shared_preload_libraries', 'pgaudit,x']]), PLAIN);
    expect(first).toEqual({
      name: 'shared_preload_libraries',
      was: 'pgaudit,x',
      value: '',
      why: 'this server does not have pgaudit, x',
    });
  });

  it('are no libraries where nothing is known of the server, or they are named by a path', () => {
    expect(overridden({ shared_preload_libraries: 'pgaudit' }, UNKNOWN_SERVER)).toEqual({});
    expect(overridden({ shared_preload_libraries: '/opt/lib/mine.so' })).toEqual({});
  });

  it('are standbys that every commit would wait for', () => {
    expect(overridden({ synchronous_standby_names: 'ANY 1 (a)' }, UNKNOWN_SERVER)).toEqual({
      synchronous_standby_names: '',
    });
  });
});
