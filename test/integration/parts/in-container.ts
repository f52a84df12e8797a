import { askEngine, mustAskEngine, refusal, splitStreams } from './engine-api.ts';
import type { Outcome } from './run.ts';

/** PostgreSQL's programs first: Debian's of the same names are Perl scripts that look for those, and cost as much. */
const PATH = [19, 18, 17, 16, 15, 14, 13]
  .map((major) => `/usr/lib/postgresql/${major}/bin`)
  .concat('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  .join(':');

export interface ExecOptions {
  /** The image's own user when not given. */
  user?: string;
}

/**
 * Runs a program in a running container to its end, as `docker exec` does. Any exit code is an answer, and so is the
 * engine's refusal.
 */
export async function execIn(container: string, argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
  const about = { Cmd: argv, User: options.user ?? '', Env: [`PATH=${PATH}`], AttachStdout: true, AttachStderr: true };
  const made = await askEngine('POST', `/containers/${container}/exec`, about);
  if (made.status >= 300) return { code: 1, stdout: '', stderr: `${refusal(made.body)}\n` };
  const { Id } = JSON.parse(made.body.toString('utf8')) as { Id: string };
  const ran = await askEngine('POST', `/exec/${Id}/start`, { Detach: false, Tty: false });
  if (ran.status >= 300) return { code: 126, stdout: '', stderr: `${refusal(ran.body)}\n` };
  const { ExitCode } = await mustAskEngine<{ ExitCode: number | null }>('GET', `/exec/${Id}/json`);
  // The engine knows of no exit code when the container has ended meanwhile.
  return { code: ExitCode ?? 137, ...splitStreams(ran.body) };
}

/** Runs a program in a container that has to succeed, and gives its standard output without the last line feed. */
export async function mustExecIn(container: string, argv: readonly string[], how: ExecOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await execIn(container, argv, how);
  if (code !== 0) throw new Error(`in ${container}: ${argv.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout.replace(/\n$/, '');
}

/** Asks the server in a container as the postgres user, over its socket; any exit code is an answer. */
export function askServer(container: string, sql: string, database = 'postgres'): Promise<Outcome> {
  return execIn(container, psql(sql, database), { user: 'postgres' });
}

/** Asks the server in a container, demands an answer, and gives that without the last line feed. */
export function mustAskServer(container: string, sql: string, database = 'postgres'): Promise<string> {
  return mustExecIn(container, psql(sql, database), { user: 'postgres' });
}

function psql(sql: string, database: string): string[] {
  return ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', sql];
}
