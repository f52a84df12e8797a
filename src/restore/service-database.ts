import { execIn } from '../docker/container.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { OdoError } from '../errors.ts';

const EXEC_TIMEOUT_MS = 20_000;

/** What the server itself says of its recovery. */
export interface ServerStatus {
  inRecovery: boolean;
  replayPaused: boolean;
  /** Last LSN replayed. */
  replayLsn?: string;
  /** Time of the last transaction replayed (ISO 8601). */
  lastCommitTime?: string;
  /** Known once it is out of recovery. */
  timeline?: number;
}

/** Answer to a question that the server may not be ready for. */
export type Answer<T> = { ready: true; value: T } | { ready: false; reason: string; refused: boolean };

/** How a program in the container ended. */
export interface ProgramOutcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The database of a service's container, asked locally as the postgres user, so that no password is needed. */
export interface ServiceDatabase {
  status(): Promise<Answer<ServerStatus>>;
  /** Asks a server that waits in recovery to end it; comes back at once. */
  promote(): Promise<void>;
  /** Lets a server that has paused in recovery go on; at its target that ends recovery. */
  resume(): Promise<void>;
  /** Whether a configuration file (not our own block) turns archiving on. */
  archivingConfigured(): Promise<boolean>;
  /** Rows of a query, as text; in the database that answered so far unless one is named. */
  query(sql: string, database?: string): Promise<string[][]>;
  /** Runs one of PostgreSQL's client programs (a plain word) in the container, connected to the server; undefined when the image lacks it. */
  runClient(program: string, args: readonly string[], timeoutMs: number): Promise<ProgramOutcome | undefined>;
  /** Feeds a script to a psql session that stops at the first error. Its output is dropped; its errors name `<stdin>` and the line. */
  runScript(script: string): Promise<ProgramOutcome>;
  /** Makes the server read its configuration files again. */
  reload(): Promise<void>;
}

const STATUS_SQL = `select pg_is_in_recovery(),
  case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end,
  pg_last_wal_replay_lsn(),
  to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end`;

/** Where the server listens. */
interface Socket {
  directory: string;
  port: string;
}

function addressOf({ directory, port }: Socket, role: string): string[] {
  return [...(directory === '' ? [] : ['-h', directory]), '-p', port, '-U', role, '-w'];
}

export interface DatabaseAddress {
  docker: DockerEngine;
  containerId: string;
  /** The data directory, as the server sees it. */
  dataDirectory: string;
  /** The container's environment: it may name the superuser. */
  env: Readonly<Record<string, string>>;
  /** The user of the container to ask as; by default `postgres`. */
  osUser?: string;
}

export function openServiceDatabase(address: DatabaseAddress, signal: AbortSignal): ServiceDatabase {
  const { docker, containerId, dataDirectory, env } = address;
  const roles = [...new Set([env.POSTGRES_USER || 'postgres', 'postgres'])];
  const logins = roles.flatMap((role) => ['postgres', 'template1'].map((database) => ({ role, database })));
  let osUser: string | undefined = address.osUser ?? 'postgres';
  let login = logins[0] as { role: string; database: string };

  async function run(argv: string[], timeoutMs: number | undefined = EXEC_TIMEOUT_MS, input?: string) {
    const options = {
      ...(timeoutMs === Infinity ? {} : { timeoutMs }),
      ...(input === undefined ? {} : { input }),
      signal,
      env: { PGCONNECT_TIMEOUT: '5', PGAPPNAME: 'odo' },
    };
    try {
      return await execIn(docker, containerId, argv, osUser === undefined ? options : { ...options, user: osUser });
    } catch (error) {
      // An image without a user of that name is asked as the container's own user.
      if (osUser === undefined || !(error instanceof OdoError) || !/unable to find user|no matching entries/i.test(error.message))
        throw error;
      osUser = undefined;
      return run(argv, timeoutMs, input);
    }
  }

  /** The server writes down where it listens; nothing is assumed of port or socket directory. */
  async function socket(): Promise<Socket | undefined> {
    const { exitCode, stdout } = await run(['cat', `${dataDirectory}/postmaster.pid`]);
    if (exitCode !== 0) return undefined;
    const [, , , port = '5432', directory = ''] = stdout.split('\n');
    return { directory: directory.trim(), port: port.trim() };
  }

  async function ask(sql: string, database?: string): Promise<Answer<string[][]>> {
    const where = await socket();
    if (!where) return { ready: false, reason: 'the server has not written its postmaster.pid yet', refused: false };
    let reason = '';
    for (const candidate of [login, ...logins.filter((other) => other !== login)]) {
      const address = [...addressOf(where, candidate.role), '-d', database ?? candidate.database];
      const argv = ['psql', '-XAtq', '-F', '\t', ...address, '-c', sql];
      const { exitCode, stdout, stderr } = await run(argv);
      if (exitCode === 0) {
        login = candidate;
        return {
          ready: true,
          value: stdout
            .split('\n')
            .filter(Boolean)
            .map((line) => line.split('\t')),
        };
      }
      reason = stderr.trim() || stdout.trim() || `psql ended with status ${exitCode}`;
      if (!isRefusal(reason)) break;
    }
    return { ready: false, reason, refused: isRefusal(reason) };
  }

  async function mustAsk(sql: string, database?: string): Promise<string[][]> {
    const answer = await ask(sql, database).catch((error: unknown) => {
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

  return {
    async status() {
      const answer = await ask(STATUS_SQL);
      if (!answer.ready) return answer;
      const [inRecovery, paused, lsn, time, timeline] = answer.value[0] ?? [];
      return {
        ready: true,
        value: {
          inRecovery: inRecovery === 't',
          replayPaused: paused === 't',
          ...(lsn && lsn !== '0/0' ? { replayLsn: lsn } : {}),
          ...(time ? { lastCommitTime: time } : {}),
          ...(timeline ? { timeline: Number.parseInt(timeline, 16) } : {}),
        },
      };
    },
    async promote() {
      await mustAsk('select pg_promote(false)');
    },
    async resume() {
      // One that is promoted meanwhile would call it an error.
      await mustAsk('select case when pg_is_in_recovery() then pg_wal_replay_resume() end');
    },
    async archivingConfigured() {
      const rows = await mustAsk(
        "select 1 from pg_file_settings where name = 'archive_mode' and lower(setting) not in ('off', 'false', 'no', '0')",
      );
      return rows.length > 0;
    },
    query: mustAsk,
    async runClient(program, args, timeoutMs) {
      const where = await socket();
      if (!where || (await run(['sh', '-c', `command -v ${program}`])).exitCode !== 0) return undefined;
      return run([program, ...addressOf(where, login.role), ...args], timeoutMs);
    },
    async runScript(script) {
      const where = await socket();
      if (!where)
        throw new OdoError('promotionNotSeen', 'the restored server does not run any more', { hint: 'look at its log' });
      const options = ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', ...addressOf(where, login.role)];
      return run(['psql', ...options, '-d', login.database, '-f', '-'], Infinity, script);
    },
    async reload() {
      await mustAsk('select pg_reload_conf()');
    },
  };
}

/** The server is up and turns this login down; waiting would not help, another login may. */
function isRefusal(stderr: string): boolean {
  return /authentication failed|no pg_hba\.conf entry|no password supplied|role ".*" (does not exist|is not permitted)|database ".*" does not exist|permission denied/i.test(
    stderr,
  );
}
