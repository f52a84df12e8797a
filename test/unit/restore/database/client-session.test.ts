import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ASK_EACH,
  NO_PROGRAM,
  NO_SERVER,
  RUN_CLIENT,
  sessionOptions,
} from '../../../../src/restore/database/client-session.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

let directory: string;
const file = (name: string) => path.join(directory, name);

/** A program that says what it was given. */
const PSQL = '#!/bin/sh\necho "$@"\necho "password: $PGPASSWORD"\nexit 7\n';

beforeEach(() => {
  directory = scratchDirectory();
  fs.mkdirSync(file('bin'));
  fs.writeFileSync(file('bin/psql'), PSQL, { mode: 0o755 });
});

/** What postmaster.pid says of the server. */
function listens(socketDirectory: string, address: string, port = '5433'): void {
  fs.writeFileSync(
    file('postmaster.pid'),
    ['1', '/data', '1700000000', port, socketDirectory, address, 'x', 'ready', ''].join('\n'),
  );
}

function run(env: Record<string, string> = {}, program = 'psql') {
  const argv = ['-c', RUN_CLIENT, 'sh', file('postmaster.pid'), program, '-U', 'postgres', '-c', 'select 1'];
  const { status, stdout } = spawnSync('/bin/sh', argv, {
    env: { PATH: `${file('bin')}:/usr/bin:/bin`, ...env },
    encoding: 'utf8',
  });
  return { status, stdout };
}

describe('a client program beside a server', () => {
  it.each([
    ['/run/postgresql', '', '-h /run/postgresql -p 5433'],
    ['', '*', '-h 127.0.0.1 -p 5433'],
    ['', '0.0.0.0', '-h 127.0.0.1 -p 5433'],
    ['', '::', '-h ::1 -p 5433'],
    ['', '10.0.0.7', '-h 10.0.0.7 -p 5433'],
    ['', '', '-p 5433'],
    ['/a folder', '', '-h /a folder -p 5433'],
  ])('goes to where the server listens: socket directory "%s", address "%s"', (socketDirectory, address, words) => {
    listens(socketDirectory, address);
    expect(run()).toEqual({ status: 7, stdout: `${words} -U postgres -c select 1\npassword: \n` });
  });

  it('is not run where no server is, or one that has not written down yet where it listens', () => {
    expect(run()).toEqual({ status: NO_SERVER, stdout: '' });
    fs.writeFileSync(file('postmaster.pid'), '1\n/data\n1700000000\n');
    expect(run()).toEqual({ status: NO_SERVER, stdout: '' });
  });

  it('that the image lacks is told from a server that is away, and comes after that', () => {
    expect(run({}, 'pg_nothing').status).toBe(NO_SERVER);
    listens('/run/postgresql', '');
    expect(run({}, 'pg_nothing')).toEqual({ status: NO_PROGRAM, stdout: '' });
  });

  it('has the password of a file, unless it has one; a file that cannot be read gives none', () => {
    listens('/run/postgresql', '');
    fs.writeFileSync(file('secret'), 'geheim\n');
    expect(run({ POSTGRES_PASSWORD_FILE: file('secret') }).stdout).toContain('password: geheim\n');
    expect(run({ POSTGRES_PASSWORD_FILE: file('secret'), PGPASSWORD: 'own' }).stdout).toContain('password: own\n');
    expect(run({ POSTGRES_PASSWORD_FILE: file('gone') }).stdout).toContain('password: \n');
  });
});

describe('Debian’s wrapper of a client program', () => {
  const say = (name: string) => `#!/bin/sh\necho "${name} $PGSYSCONFDIR"\n`;

  /** Which one is run, where /usr is below the directory. */
  function ran(env: Record<string, string> = {}) {
    const script = RUN_CLIENT.replaceAll('/usr/', `${directory}/usr/`);
    const argv = ['-c', script, 'sh', file('postmaster.pid'), 'psql'];
    const { stdout } = spawnSync('/bin/sh', argv, {
      env: { PATH: `${file('usr/bin')}:/bin`, ...env },
      encoding: 'utf8',
    });
    return stdout;
  }

  it('is left out where the program of the server’s version is there, which gets what the wrapper gives it', () => {
    listens('/run/postgresql', '');
    fs.mkdirSync(file('usr/bin'), { recursive: true });
    fs.mkdirSync(file('usr/lib/postgresql/15/bin'), { recursive: true });
    fs.writeFileSync(file('usr/bin/psql'), say('wrapper'), { mode: 0o755 });
    fs.writeFileSync(file('usr/lib/postgresql/15/bin/psql'), say('program'), { mode: 0o755 });
    expect(ran()).toBe('wrapper \n');
    fs.writeFileSync(file('PG_VERSION'), '16\n');
    expect(ran()).toBe('wrapper \n');
    fs.writeFileSync(file('PG_VERSION'), '15\n');
    expect(ran()).toBe('program /etc/postgresql-common\n');
    expect(ran({ PGSYSCONFDIR: '/own' })).toBe('program /own\n');
    // Somebody's own comes first in PATH.
    expect(ran({ PATH: `${file('bin')}:${file('usr/bin')}:/bin` })).toContain('password: ');
  });
});

describe('several questions in one call', () => {
  function ask(...asked: string[]) {
    const argv = ['-c', ASK_EACH, 'sh', file('postmaster.pid'), 'psql', 'MARK', 'role', ...asked];
    const env = { PATH: file('bin'), PGPASSWORD: 'geheim' };
    const { status, stdout, stderr } = spawnSync('/bin/sh', argv, { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  it('are asked one after the other, each answer with its status and its end', () => {
    listens('/run/postgresql', '');
    expect(ask('shop', 'select 1', 'a "b"', "select 'x'\n, 2")).toEqual({
      status: 0,
      stdout: [
        '-h /run/postgresql -p 5433 -U role -w -XAtq -F \t -d shop -c select 1',
        'password: geheim',
        'MARK 7',
        `-h /run/postgresql -p 5433 -U role -w -XAtq -F \t -d a "b" -c select 'x'\n, 2`,
        'password: geheim',
        'MARK 7',
        '',
      ].join('\n'),
      stderr: 'MARK\nMARK\n',
    });
  });

  it('are not asked where no server or no psql is', () => {
    expect(ask('shop', 'select 1')).toEqual({ status: NO_SERVER, stdout: '', stderr: '' });
    listens('/run/postgresql', '');
    fs.rmSync(file('bin/psql'));
    expect(ask('shop', 'select 1')).toEqual({ status: NO_PROGRAM, stdout: '', stderr: '' });
  });
});

describe('the options of a session', () => {
  it('switch off what would end it, as far as that version knows it', () => {
    expect(sessionOptions()).toBe(sessionOptions(13));
    expect(sessionOptions(13)).toContain('-c statement_timeout=0');
    expect(sessionOptions(13)).not.toContain('idle_session_timeout');
    expect(sessionOptions(14)).toContain('-c idle_session_timeout=0');
    expect(sessionOptions(16)).not.toContain('transaction_timeout=0 ');
    expect(sessionOptions(17)).toContain('-c transaction_timeout=0');
  });
});

it('needs nothing but a POSIX shell', () => {
  for (const script of [RUN_CLIENT, ASK_EACH])
    expect(() => execFileSync('/bin/sh', ['-n', '-c', script])).not.toThrow();
});
