import { randomBytes } from 'node:crypto';
import { execIn } from '../../docker/client/container.ts';
import type { DockerEngine } from '../../docker/client/engine.ts';
import { OdoError } from '../../errors.ts';
import { parseLsn, respellLsn } from '../../postgres/terms/wal-names.ts';
import { outcomesOf, type ProgramOutcome, together } from './ask-together.ts';
import { ASK_EACH, NO_PROGRAM, NO_SERVER, RUN_CLIENT, sessionOptions } from './client-session.ts';

export type { ProgramOutcome } from './ask-together.ts';

const EXEC_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_SECONDS = 5;
/** How many questions may be asked in one call. */
const MOST_TOGETHER = 10;

/** What the server itself says of its recovery. */
export interface ServerStatus {
  inRecovery: boolean;
  replayPaused: boolean;
  /** Last LSN replayed. */
  replayLsn?: string;
  /** Time of the last transaction replayed (ISO 8601). */
  lastCommitTime?: string;
  /** The timeline, known once the server is out of recovery. */
  timeline?: number;
}

/**
 * Answer to a question. `refused`: the server (or the image, for want of psql) turns ODO down, and waiting would not
 * change that.
 */
export type Answer<T> = { ready: true; value: T } | { ready: false; reason: string; refused: boolean };

/** The database of a service's container, asked locally as the postgres user. */
export interface ServiceDatabase {
  status(): Promise<Answer<ServerStatus>>;
  /**
   * Asks a server that waits in recovery to end it. Comes back at once. A server that turns ODO's login down is told by
   * a signal.
   */
  promote(): Promise<void>;
  /** Lets a server that has paused in recovery go on; at its target that ends recovery. */
  resume(): Promise<void>;
  /** Whether a configuration file (not our own block) turns archiving on. */
  archivingConfigured(): Promise<boolean>;
  /**
   * Rows of a query, as text. Asks the database that answered so far, unless one is named. Queries that do not wait for
   * each other share a call of the engine, one after the other.
   * Errors: `promotionNotSeen` when there is no answer.
   */
  query(sql: string, database?: string): Promise<string[][]>;
  /**
   * Runs one of PostgreSQL's client programs (a plain word) in the container, connected to the server. Gives undefined
   * when the image lacks the program, or no server runs.
   */
  runClient(program: string, args: readonly string[], timeoutMs: number): Promise<ProgramOutcome | undefined>;
  /**
   * Feeds a script to a psql session that stops at the first error. Its output is dropped. Its errors name `<stdin>`
   * and the line.
   */
  runScript(script: string): Promise<ProgramOutcome>;
  /** Makes the server read its configuration files again; no login is needed for it. */
  reload(): Promise<void>;
  /** How the container's processes stand, for readServerWork(); undefined when that cannot be read. */
  processes(): Promise<string | undefined>;
}

const STATUS_SQL = `select pg_is_in_recovery(),
  case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end,
  pg_last_wal_replay_lsn(),
  to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,
  current_setting('server_version_num')::int / 10000`;

/** Gives a line for each process: what stat says of it, a bar, and its command line. */
const PROCESSES =
  'for d in /proc/[0-9]*; do c= s=; { read -r c <"$d/cmdline"; read -r s <"$d/stat"; } 2>/dev/null; echo "$s|$c"; done';

/** $1 is the data directory, $2 the signal, $3 a file to make first, if any. */
const SIGNAL_SERVER = 'read -r pid <"$1/postmaster.pid" && { [ -z "$3" ] || : >"$1/$3"; } && kill -s "$2" "$pid"';

/** A way to log in to the server. */
export interface Login {
  /** The role that the server is asked as. */
  role: string;
  /** The database that is asked when none is named. */
  database: string;
}

/** A query. `database` is given when it is not one that any database can answer. */
interface Question {
  sql: string;
  database?: string | undefined;
}

export interface DatabaseAddress {
  docker: DockerEngine;
  containerId: string;
  /** The data directory, as the server sees it. */
  dataDirectory: string;
  /** The container's environment: it may name the superuser and its password. */
  env: Readonly<Record<string, string>>;
  /** The user of the container to ask as; by default `postgres`. */
  osUser?: string;
}

/** The logins that are tried one after the other, by the environment of the service's container. */
export function loginsOf({ POSTGRES_USER }: Readonly<Record<string, string>>): Login[] {
  const roles = [...new Set([POSTGRES_USER || 'postgres', 'postgres'])];
  return roles.flatMap((role) => ['postgres', 'template1'].map((database) => ({ role, database })));
}

export function openServiceDatabase(address: DatabaseAddress, signal: AbortSignal): ServiceDatabase {
  const { docker, containerId, dataDirectory, env } = address;
  const logins = loginsOf(env);
  let osUser: string | undefined = address.osUser ?? 'postgres';
  let login = logins[0] as Login;
  let major: number | undefined;

  async function run(argv: string[], timeoutMs: number | undefined = EXEC_TIMEOUT_MS, input?: string) {
    const options = {
      ...(timeoutMs === Infinity ? {} : { timeoutMs }),
      ...(input === undefined ? {} : { input }),
      signal,
      env: {
        PGCONNECT_TIMEOUT: String(CONNECT_TIMEOUT_SECONDS),
        PGAPPNAME: 'odo',
        PGOPTIONS: sessionOptions(major),
        // By environment, since anybody on the machine may read arguments.
        ...(env.POSTGRES_PASSWORD ? { PGPASSWORD: env.POSTGRES_PASSWORD } : {}),
      },
    };
    try {
      return await execIn(docker, containerId, argv, osUser === undefined ? options : { ...options, user: osUser });
    } catch (error) {
      // An image without a user of that name is asked as the container's own user.
      if (
        osUser === undefined ||
        !(error instanceof OdoError) ||
        !/unable to find user|no matching entries/i.test(error.message)
      )
        throw error;
      osUser = undefined;
      return run(argv, timeoutMs, input);
    }
  }

  /** Finds the server by its own postmaster.pid, and runs the program, in one call of the engine. */
  function client(program: string, role: string, args: readonly string[], timeoutMs?: number, input?: string) {
    const argv = ['sh', '-c', RUN_CLIENT, 'sh', `${dataDirectory}/postmaster.pid`, program, '-U', role, '-w', ...args];
    return run(argv, timeoutMs, input);
  }

  /** Asks all of them by one login, in one call of the engine. */
  async function askAs({ role, database }: Login, questions: readonly Question[]): Promise<ProgramOutcome[]> {
    const [one] = questions;
    if (one && questions.length === 1) {
      return [await client('psql', role, ['-XAtq', '-F', '\t', '-d', one.database ?? database, '-c', one.sql])];
    }
    const mark = randomBytes(16).toString('hex');
    const asked = questions.flatMap((question) => [question.database ?? database, question.sql]);
    const argv = ['sh', '-c', ASK_EACH, 'sh', `${dataDirectory}/postmaster.pid`, 'psql', mark, role, ...asked];
    const timeoutMs = EXEC_TIMEOUT_MS + (questions.length - 1) * CONNECT_TIMEOUT_SECONDS * 1000;
    return outcomesOf(await run(argv, timeoutMs), mark, questions.length);
  }

  /** Asks by one login after the other. Each login asks only what those before it were turned down with. */
  async function askAll(questions: readonly Question[]): Promise<Answer<string[][]>[]> {
    const answers: Answer<string[][]>[] = [];
    let open = questions.map((question, index) => ({ question, index }));
    for (const candidate of [login, ...logins.filter((other) => other !== login)]) {
      const asked = open.map(({ question }) => question);
      const outcomes = await askAs(candidate, asked);
      open = open.filter(({ index }, at) => {
        const outcome = outcomes[at] as ProgramOutcome;
        const answer = answerOf(outcome);
        answers[index] = answer;
        if (answer.ready) login = candidate;
        return !answer.ready && answer.refused && outcome.exitCode !== NO_PROGRAM;
      });
      if (open.length === 0) break;
    }
    return answers;
  }

  const askWithOthers = together(askAll, MOST_TOGETHER);

  async function ask(sql: string): Promise<Answer<string[][]>> {
    return (await askAll([{ sql }]))[0] as Answer<string[][]>;
  }

  async function mustAsk(sql: string, database?: string): Promise<string[][]> {
    const answer = await askWithOthers({ sql, database }).catch((error: unknown) => {
      if (!(error instanceof OdoError) || error.code !== 'serviceNotFound') throw error;
      throw new OdoError('promotionNotSeen', `the restored server does not run any more: ${error.message}`, {
        hint: "look at the service's log",
        cause: error,
      });
    });
    if (answer.ready) return answer.value;
    throw new OdoError('promotionNotSeen', `the restored server did not answer: ${answer.reason}`, {
      hint: "look at the service's log",
    });
  }

  /** Sends a signal as the server's own user, or else as root: whoever may. Makes `file` first. */
  async function tellServer(name: 'HUP' | 'USR1', file = ''): Promise<void> {
    const argv = ['sh', '-c', SIGNAL_SERVER, 'sh', dataDirectory, name, file];
    let outcome = await run(argv);
    if (outcome.exitCode !== 0) {
      outcome = await execIn(docker, containerId, argv, { user: '0', timeoutMs: EXEC_TIMEOUT_MS, signal });
    }
    if (outcome.exitCode === 0) return;
    throw new OdoError('promotionNotSeen', `the restored server could not be told: ${outcome.stderr.trim()}`, {
      hint: "look at the service's log",
    });
  }

  return {
    async status() {
      const answer = await ask(STATUS_SQL);
      if (!answer.ready) return answer;
      const [inRecovery, paused, lsn, time, timeline, version] = answer.value[0] ?? [];
      if (version) major = Number(version);
      return {
        ready: true,
        value: {
          inRecovery: inRecovery === 't',
          replayPaused: paused === 't',
          ...(lsn && parseLsn(lsn) > 0n ? { replayLsn: respellLsn(lsn) } : {}),
          ...(time ? { lastCommitTime: time } : {}),
          ...(timeline ? { timeline: Number.parseInt(timeline, 16) } : {}),
        },
      };
    },
    async promote() {
      const answer = await ask('select pg_promote(false)');
      // As pg_ctl promote does it.
      if (!answer.ready) await tellServer('USR1', 'promote');
    },
    async resume() {
      // A server that is promoted meanwhile would call it an error.
      await mustAsk('select case when pg_is_in_recovery() then pg_wal_replay_resume() end');
    },
    async archivingConfigured() {
      const rows = await mustAsk(
        "select 1 from pg_file_settings where name = 'archive_mode' and lower(setting) not in ('off', " +
          "'false', 'no', '0')",
      );
      return rows.length > 0;
    },
    query: mustAsk,
    async runClient(program, args, timeoutMs) {
      const outcome = await client(program, login.role, args, timeoutMs);
      if (outcome.exitCode === NO_SERVER) throw serverGone();
      return outcome.exitCode === NO_PROGRAM ? undefined : outcome;
    },
    async runScript(script) {
      const options = ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', login.database, '-f', '-'];
      const outcome = await client('psql', login.role, options, Infinity, script);
      if (outcome.exitCode === NO_SERVER) throw serverGone();
      return outcome;
    },
    reload: () => tellServer('HUP'),
    async processes() {
      const { exitCode, stdout } = await run(['sh', '-c', PROCESSES]);
      return exitCode === 0 ? stdout : undefined;
    },
  };
}

function answerOf({ exitCode, stdout, stderr }: ProgramOutcome): Answer<string[][]> {
  if (exitCode === 0) {
    const rows = stdout.split('\n').filter(Boolean);
    return { ready: true, value: rows.map((line) => line.split('\t')) };
  }
  if (exitCode === NO_SERVER)
    return { ready: false, reason: 'the server has not written its postmaster.pid yet', refused: false };
  if (exitCode === NO_PROGRAM) return { ready: false, reason: 'the image has no psql', refused: true };
  const reason = stderr.trim() || stdout.trim() || `psql ended with status ${exitCode}`;
  return { ready: false, reason, refused: isRefusal(reason) };
}

/** Refusals that are over in a moment. Anything else that a server says to a login is its last word. */
const PASSING = /the database system is |too many clients|connection slots|terminating connection/i;

/** Whether the server is up and turns this login down. Waiting would not help; another login may. */
function isRefusal(stderr: string): boolean {
  if (PASSING.test(stderr)) return false;
  return /\b(FATAL|PANIC):|no password supplied|authentication failed|permission denied for|unsupported frontend/i.test(
    stderr,
  );
}

function serverGone(): OdoError {
  return new OdoError('promotionNotSeen', 'the restored server does not run any more', { hint: 'look at its log' });
}
