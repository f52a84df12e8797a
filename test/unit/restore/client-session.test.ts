import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_PROGRAM, NO_SERVER, RUN_CLIENT, sessionOptions } from '../../../src/restore/client-session.ts';
import { scratchDirectory } from '../scratch-directory.ts';

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
  expect(() => execFileSync('/bin/sh', ['-n', '-c', RUN_CLIENT])).not.toThrow();
});
