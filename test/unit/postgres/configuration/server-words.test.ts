import { describe, expect, it } from 'vitest';
import { amendmentNote } from '../../../../src/postgres/configuration/amendment.ts';
import { judgeWords, wordsOfRefusal } from '../../../../src/postgres/configuration/server-words.ts';

const DATA = '/data';
const notesOn = (log: string, settings: Record<string, string> = {}) =>
  judgeWords(log, { settings: new Map(Object.entries(settings)), dataDirectory: DATA }).map(amendmentNote);

describe('what a server says when it does not start', () => {
  it.each([
    [
      'LOG:  unrecognized configuration parameter "fork_only" in file "/data/postgresql.conf" line 1',
      { fork_only: 'on' },
      /^fork_only = 'on' was taken out of the configuration: this server does not know it$/,
    ],
    [
      'LOG:  unrecognized configuration parameter "My.Fork_Only" in file "/data/postgresql.conf" line 1',
      { 'my.fork_only': 'on' },
      /^my\.fork_only = 'on' was taken out of the configuration: this server does not know it$/,
    ],
    [
      'LOG:  invalid value for parameter "TimeZone": "Mars/Olympus"',
      { timezone: 'Mars/Olympus' },
      /^timezone = 'Mars\/Olympus' was taken out of the configuration/,
    ],
    [
      'LOG:  invalid value for parameter "lc_time": "de_DE"',
      { lc_time: 'de_DE' },
      /^lc_time is 'C' instead of 'de_DE': this image does not have the locale de_DE$/,
    ],
    [
      'LOG:  invalid value for parameter "io_method": "io_uring"\nHINT:  Available values: sync, worker.',
      { io_method: 'io_uring' },
      /^io_method is 'worker' instead of 'io_uring'/,
    ],
    [
      'FATAL:  could not setup io_uring queue: Operation not permitted',
      { io_method: 'io_uring' },
      /^io_method is 'worker' instead of 'io_uring': the server says: could not setup io_uring queue/,
    ],
    [
      'LOG:  invalid value for parameter "max_stack_depth": 101376\nDETAIL:  "max_stack_depth" must not exceed 7680kB.',
      { max_stack_depth: '99MB' },
      /^max_stack_depth = '99MB' was taken out of the configuration: .*\("max_stack_depth" must not exceed 7680kB\.\)$/,
    ],
    [
      'LOG:  99999 is outside the valid range for parameter "port" (1 .. 65535)',
      { port: '99999' },
      /^port = '99999' was taken out of the configuration/,
    ],
    [
      'LOG:  parameter "fsync" requires a Boolean value',
      { fsync: 'perhaps' },
      /^fsync = 'perhaps' was taken out of the configuration/,
    ],
    [
      'FATAL:  could not map anonymous shared memory: Cannot allocate memory',
      { huge_pages: 'on' },
      /^huge_pages is 'try' instead of 'on': the server says: could not map anonymous/,
    ],
    [
      'FATAL:  could not map anonymous shared memory: Cannot allocate memory',
      { shared_buffers: '60GB', huge_pages: 'try' },
      /^shared_buffers is '128MB' instead of '60GB'/,
    ],
    [
      'FATAL:  could not resize shared memory segment "/PostgreSQL.1" to 9 bytes: No space left on device',
      { min_dynamic_shared_memory: '1GB' },
      /^min_dynamic_shared_memory is '0' instead of '1GB'/,
    ],
    [
      'FATAL:  could not create shared memory segment: Invalid argument',
      { shared_memory_type: 'sysv' },
      /^shared_memory_type is 'mmap' instead of 'sysv'/,
    ],
    [
      'FATAL:  private key file "server.key" has group or world access',
      { ssl: 'on' },
      /^ssl is 'off' instead of 'on': the server says: private key file/,
    ],
    [
      'FATAL:  could not access file "pg_failover": No such file or directory',
      { shared_preload_libraries: 'pg_stat_statements, "pg_failover"' },
      /^shared_preload_libraries is 'pg_stat_statements' instead of/,
    ],
  ])('tells what helps: %s', (log, settings, note) => {
    const notes = notesOn(log, settings);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(note);
  });

  it('leads to the line that includes what is not there, as it is written', () => {
    const lost = (file: string) => `LOG:  could not open configuration file "${file}": No such file or directory`;
    const judged = (file: string) => judgeWords(lost(file), { settings: new Map(), dataDirectory: DATA });
    expect(judged('/etc/x.conf')).toMatchObject([{ do: 'exclude', value: '/etc/x.conf' }]);
    // What a rehearsal was not shown is no reason to take a line out.
    expect(judged('/data/conf.d/x.conf')).toEqual([]);
  });

  it('is no help where a file is named by no include, or where nothing sets what it speaks of', () => {
    expect(
      notesOn('FATAL:  could not open configuration file "/etc/pg_hba.conf": gone', { hba_file: '/etc/pg_hba.conf' }),
    ).toEqual([]);
    expect(notesOn('LOG:  could not open configuration file "/data/pg_ident.conf": gone')).toEqual([]);
    expect(notesOn('FATAL:  could not setup io_uring queue: no')).toEqual([]);
    expect(notesOn('FATAL:  bogus data in lock file "postmaster.pid"', { ssl: 'on' })).toEqual([]);
  });

  it('is quoted from what is wrong to its end', () => {
    const log =
      'LOG:  one\nLOG:  starting PostgreSQL 17\nFATAL:  two\nHINT:  three\nLOG:  database system is shut down\n';
    expect(wordsOfRefusal(log)).toBe('LOG:  one\n  FATAL:  two\n  HINT:  three');
    expect(wordsOfRefusal('\n')).toBe('it said nothing');
  });
});
