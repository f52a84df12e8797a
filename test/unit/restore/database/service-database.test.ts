import { describe, expect, it } from 'vitest';
import { NO_PROGRAM, NO_SERVER } from '../../../../src/restore/database/client-session.ts';
import { openServiceDatabase } from '../../../../src/restore/database/service-database.ts';
import {
  answered,
  type FakeContainer,
  type FakeExec,
  type FakeOutcome,
  fakeDocker,
  unanswered,
} from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

const FACTS = 'f\tf\t0/5000028\t2026-11-21T10:00:00.000000Z\t00000002\t17\n';

/** A server in container db, asked through programs that end as told. */
function server(
  run: (exec: FakeExec) => FakeOutcome | Promise<FakeOutcome>,
  more: { env?: Record<string, string>; container?: FakeContainer; signal?: AbortSignal } = {},
) {
  const { env = {}, container = {}, signal = new AbortController().signal } = more;
  const fake = fakeDocker({ db: container }, run);
  const address = { docker: fake.docker, containerId: 'db', dataDirectory: '/data', env };
  return { database: openServiceDatabase(address, signal), ...fake };
}

const valueAfter = (argv: readonly string[], flag: string) => argv[argv.indexOf(flag) + 1];
/** role@database of each question. */
const logins = (execs: readonly FakeExec[]) =>
  execs.map(({ argv }) => `${valueAfter(argv, '-U')}@${valueAfter(argv, '-d')}`);
const fails =
  (stderr: string, exitCode = 2) =>
  () => ({ exitCode, stderr });

describe('the status of a server', () => {
  it('is what it says, with nothing made up for what it does not', async () => {
    const { database } = server(() => ({ stdout: FACTS }));
    expect(await database.status()).toEqual({
      ready: true,
      value: {
        inRecovery: false,
        replayPaused: false,
        replayLsn: '0/5000028',
        lastCommitTime: '2026-11-21T10:00:00.000000Z',
        timeline: 2,
      },
    });
    const bare = server(() => ({ stdout: 't\tt\t0/0\t\t\t17\n' }));
    expect(await bare.database.status()).toEqual({ ready: true, value: { inRecovery: true, replayPaused: true } });
  });

  it('is not there, and may come, while no server runs or it starts, or has no connection to spare', async () => {
    const none = server(() => ({ exitCode: NO_SERVER }));
    expect(await none.database.status()).toMatchObject({
      ready: false,
      refused: false,
      reason: expect.stringContaining('postmaster.pid'),
    });
    for (const words of [
      'FATAL:  the database system is starting up',
      'FATAL:  sorry, too many clients already',
      'FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute',
      'FATAL:  terminating connection due to administrator command',
      'connection to server on socket "/tmp/.s.PGSQL.5432" failed: Connection refused',
    ]) {
      const { database, execs } = server(fails(words));
      expect(await database.status(), words).toEqual({ ready: false, refused: false, reason: words });
      // Another login would hear the same.
      expect(execs).toHaveLength(1);
    }
  });

  it('is refused for good without psql, and when each login is turned down, with the last words', async () => {
    const bare = server(() => ({ exitCode: NO_PROGRAM }));
    expect(await bare.database.status()).toEqual({ ready: false, refused: true, reason: 'the image has no psql' });
    const { database, execs } = server(
      ({ argv }) => ({
        exitCode: 2,
        stderr: `FATAL:  role "${valueAfter(argv, '-U')}" does not exist\n`,
      }),
      { env: { POSTGRES_USER: 'shop' } },
    );
    expect(await database.status()).toEqual({
      ready: false,
      refused: true,
      reason: 'FATAL:  role "postgres" does not exist',
    });
    expect(logins(execs)).toEqual(['shop@postgres', 'shop@template1', 'postgres@postgres', 'postgres@template1']);
  });

  it('says how psql ended where it says nothing', async () => {
    const { database } = server(() => ({ exitCode: 3 }));
    expect(await database.status()).toEqual({ ready: false, refused: false, reason: 'psql ended with status 3' });
  });

  it('is asked first by the login that has worked', async () => {
    const { database, execs } = server(
      ({ argv }) =>
        valueAfter(argv, '-d') === 'template1'
          ? { stdout: FACTS }
          : { exitCode: 2, stderr: 'FATAL:  no such database' },
      { env: { POSTGRES_USER: 'shop' } },
    );
    await database.status();
    await database.status();
    expect(logins(execs)).toEqual(['shop@postgres', 'shop@template1', 'shop@template1']);
  });

  it('is an error where the container is gone or stopped, or the engine is away', async () => {
    const gone = server(() => ({}));
    delete gone.containers.db;
    await expect(gone.database.status()).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: 'cannot run sh in container db: No such container: db',
    });
    await expect(server(() => ({}), { container: { running: false } }).database.status()).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: expect.stringContaining('container db is not running'),
    });
    await expect(server(unanswered).database.status()).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: expect.stringContaining('cannot run sh in container db: Docker cannot be reached'),
      hint: expect.stringContaining('is Docker running'),
    });
  });

  it('is cancelled with its signal', async () => {
    const controller = new AbortController();
    const { database } = server(
      () => {
        controller.abort();
        return unanswered();
      },
      { signal: controller.signal },
    );
    await expect(database.status()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('what a session of ODO is started with', () => {
  it('holds the password in its environment alone, and switches limits off that the server knows', async () => {
    const { database, execs } = server(() => ({ stdout: FACTS }), { env: { POSTGRES_PASSWORD: 'geheim' } });
    await database.status();
    await database.status();
    const [first, second] = execs;
    expect(first?.env).toMatchObject({ PGPASSWORD: 'geheim', PGAPPNAME: 'odo' });
    expect(first?.argv.join(' ')).not.toContain('geheim');
    expect(first?.env.PGOPTIONS).not.toContain('transaction_timeout=0 ');
    expect(first?.env.PGOPTIONS).toContain('-c statement_timeout=0');
    // Only now is its version known.
    expect(second?.env.PGOPTIONS).toContain('-c transaction_timeout=0');
  });

  it('is the container’s own user where there is no postgres, from then on', async () => {
    const { database, execs } = server(({ user }) =>
      user === 'postgres'
        ? answered(400, 'unable to find user postgres: no matching entries in passwd file')
        : { stdout: FACTS },
    );
    await database.status();
    await database.status();
    expect(execs.map(({ user }) => user)).toEqual(['postgres', undefined, undefined]);
  });

  it('is not tried as another user for another fault', async () => {
    const { database, execs } = server(() => answered(500, 'OCI runtime exec failed: out of memory'));
    await expect(database.status()).rejects.toMatchObject({ message: expect.stringContaining('out of memory') });
    expect(execs).toHaveLength(1);
  });
});

describe('a query', () => {
  it('gives rows of text from the database that is named', async () => {
    const { database, execs } = server(() => ({ stdout: 'a\tb\nc\t\n' }));
    expect(await database.query('select 1', 'shop')).toEqual([
      ['a', 'b'],
      ['c', ''],
    ]);
    expect(logins(execs)).toEqual(['postgres@shop']);
  });

  it('is promotionNotSeen where the server does not answer or its container has ended', async () => {
    await expect(
      server(fails('FATAL:  the database system is shutting down')).database.query('select 1'),
    ).rejects.toMatchObject({
      code: 'promotionNotSeen',
      message: 'the restored server did not answer: FATAL:  the database system is shutting down',
      hint: "look at the service's log",
    });
    await expect(
      server(() => ({}), { container: { running: false } }).database.query('select 1'),
    ).rejects.toMatchObject({
      code: 'promotionNotSeen',
      message: expect.stringContaining('the restored server does not run any more'),
      cause: expect.objectContaining({ code: 'serviceNotFound' }),
    });
  });

  it('does not take an engine that is away for a server that has ended', async () => {
    await expect(server(unanswered).database.query('select 1')).rejects.toMatchObject({ code: 'dockerUnreachable' });
  });
});

describe('queries that do not wait for each other', () => {
  /** What each question is answered with, by its statement, its role and its database. */
  function asked(answer: (sql: string, role: string, database: string) => FakeOutcome, env = {}) {
    const questions: string[] = [];
    const run = oneByOne(({ argv }) => {
      const [role = '', database = '', sql = ''] = [valueAfter(argv, '-U'), valueAfter(argv, '-d'), argv.at(-1)];
      questions.push(`${sql} ${role}@${database}`);
      return answer(sql, role, database);
    });
    return { ...server(run, { env }), questions };
  }

  it('go in one call, each with its database and its rows', async () => {
    const { database, execs, questions } = asked((sql) => ({ stdout: sql === 'none' ? '' : `${sql}\tx\n` }), {
      POSTGRES_PASSWORD: 'geheim',
    });
    expect(
      await Promise.all([database.query('a'), database.query('none', 'shop'), database.archivingConfigured()]),
    ).toEqual([[['a', 'x']], [], true]);
    expect(questions).toEqual(['a postgres@postgres', 'none postgres@shop', expect.stringContaining('archive_mode')]);
    expect(execs).toHaveLength(1);
    expect(execs[0]).toMatchObject({ env: { PGPASSWORD: 'geheim', PGAPPNAME: 'odo', PGCONNECT_TIMEOUT: '5' } });
    expect(execs[0]?.argv.join(' ')).not.toContain('geheim');
  });

  it('fail each for itself', async () => {
    const { database } = asked((sql) =>
      sql === 'bad' ? { exitCode: 1, stderr: 'ERROR:  no such table\n' } : { stdout: '1\n' },
    );
    const [bad, good] = await Promise.allSettled([database.query('bad'), database.query('good')]);
    expect(bad).toMatchObject({
      reason: { code: 'promotionNotSeen', message: 'the restored server did not answer: ERROR:  no such table' },
    });
    expect(good).toEqual({ status: 'fulfilled', value: [['1']] });
  });

  it('are asked by the next login where they are turned down, and by it alone from then on', async () => {
    const { database, execs, questions } = asked(
      (sql, role) =>
        role === 'shop' && sql !== 'a'
          ? { exitCode: 2, stderr: 'FATAL:  role does not exist' }
          : { stdout: `${role}\n` },
      { POSTGRES_USER: 'shop' },
    );
    expect(await Promise.all([database.query('a'), database.query('b'), database.query('c')])).toEqual([
      [['shop']],
      [['postgres']],
      [['postgres']],
    ]);
    expect(questions.slice(0, 3)).toEqual(['a shop@postgres', 'b shop@postgres', 'c shop@postgres']);
    // Of that role in both databases, and then of the other.
    expect(questions.slice(3)).toEqual([
      'b shop@template1',
      'c shop@template1',
      'b postgres@postgres',
      'c postgres@postgres',
    ]);
    expect(execs).toHaveLength(3);
    await Promise.all([database.query('d'), database.query('e')]);
    expect(questions.slice(7)).toEqual(['d postgres@postgres', 'e postgres@postgres']);
  });

  it('share what becomes of the server, and of its container', async () => {
    const both = (given: ReturnType<typeof server>) =>
      Promise.allSettled([given.database.query('a'), given.database.query('b')]).then((settled) =>
        settled.map((one) => (one.status === 'rejected' ? `${one.reason.code}: ${one.reason.message}` : 'answered')),
      );
    const none =
      'promotionNotSeen: the restored server did not answer: the server has not written its postmaster.pid yet';
    expect(await both(server(() => ({ exitCode: NO_SERVER })))).toEqual([none, none]);
    const bare = server(() => ({ exitCode: NO_PROGRAM }));
    expect((await both(bare))[1]).toBe('promotionNotSeen: the restored server did not answer: the image has no psql');
    expect(bare.execs).toHaveLength(1);
    expect((await both(server(() => ({ exitCode: 137 }))))[1]).toMatch(/psql ended with status 137$/);
    expect((await both(server(() => ({}), { container: { running: false } })))[1]).toMatch(
      /^promotionNotSeen: the restored server does not run any more: /,
    );
    expect((await both(server(unanswered)))[1]).toMatch(/^dockerUnreachable: /);
    const passing = asked(() => ({
      exitCode: 2,
      stderr: 'FATAL:  terminating connection due to administrator command',
    }));
    expect((await both(passing))[0]).toMatch(/terminating connection/);
    expect(passing.execs).toHaveLength(1);
  });
});

describe('a promotion', () => {
  it('is asked for by SQL, and by nothing else where that is answered', async () => {
    const { database, execs } = server(() => ({ stdout: 'f\n' }));
    await database.promote();
    expect(execs.map(({ argv }) => argv.at(-1))).toEqual(['select pg_promote(false)']);
  });

  it('is told by a signal where the login is turned down: as the server’s user, or else as root', async () => {
    const told: string[] = [];
    const { database } = server(({ argv, user }) => {
      if (argv.includes('psql'))
        return { exitCode: 2, stderr: 'FATAL:  password authentication failed for user "postgres"' };
      told.push(`${user}: ${argv.slice(4).join(' ')}`);
      return { exitCode: user === '0' ? 0 : 1, stderr: 'Operation not permitted' };
    });
    await database.promote();
    expect(told).toEqual(['postgres: /data USR1 promote', '0: /data USR1 promote']);
  });

  it('is promotionNotSeen where nobody may tell it', async () => {
    const { database } = server(({ argv }) => ({
      exitCode: 1,
      stderr: argv.includes('psql') ? 'FATAL:  no' : "can't open /data/postmaster.pid\n",
    }));
    await expect(database.promote()).rejects.toMatchObject({
      code: 'promotionNotSeen',
      message: "the restored server could not be told: can't open /data/postmaster.pid",
      hint: "look at the service's log",
    });
  });
});

describe('what else is asked of a server', () => {
  it('reload needs no login', async () => {
    const { database, execs } = server(() => ({}));
    await database.reload();
    expect(execs.map(({ argv }) => argv.slice(4))).toEqual([['/data', 'HUP', '']]);
  });

  it('archiving is on where a file says so, and an answer is needed', async () => {
    expect(await server(() => ({ stdout: '1\n' })).database.archivingConfigured()).toBe(true);
    expect(await server(() => ({})).database.archivingConfigured()).toBe(false);
    await expect(server(fails('FATAL:  no')).database.archivingConfigured()).rejects.toMatchObject({
      code: 'promotionNotSeen',
    });
  });

  it('resume is an error where it is not answered', async () => {
    await expect(server(fails('FATAL:  no')).database.resume()).rejects.toMatchObject({ code: 'promotionNotSeen' });
  });

  it('a client program that the image lacks gives nothing, and no server is an error', async () => {
    const run = (exitCode: number) => server(() => ({ exitCode })).database.runClient('pg_amcheck', ['--all'], 1000);
    expect(await run(NO_PROGRAM)).toBeUndefined();
    await expect(run(NO_SERVER)).rejects.toMatchObject({ code: 'promotionNotSeen' });
    const failed = await server(fails('damaged', 2)).database.runClient('pg_amcheck', ['--all'], 1000);
    expect(failed).toEqual({ exitCode: 2, stdout: '', stderr: 'damaged' });
  });

  it('a script is not taken for run where no server is left, nor where psql is missing', async () => {
    await expect(server(() => ({ exitCode: NO_SERVER })).database.runScript('select 1')).rejects.toMatchObject({
      code: 'promotionNotSeen',
      message: 'the restored server does not run any more',
    });
    const bare = server(() => ({ exitCode: NO_PROGRAM, stderr: 'no psql' }));
    expect(await bare.database.runScript('select 1;')).toEqual({ exitCode: NO_PROGRAM, stdout: '', stderr: 'no psql' });
    expect(bare.execs[0]).toMatchObject({ input: 'select 1;', argv: expect.arrayContaining(['ON_ERROR_STOP=1']) });
  });

  it('processes that cannot be read are not known', async () => {
    expect(await server(() => ({ exitCode: 1 })).database.processes()).toBeUndefined();
    expect(await server(() => ({ stdout: '1 (x) R|postgres' })).database.processes()).toBe('1 (x) R|postgres');
  });
});
