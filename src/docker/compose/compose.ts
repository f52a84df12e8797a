import { ExecaError, execa } from 'execa';
import { cancelled, type ErrorCode, OdoError } from '../../errors.ts';
import type { DockerEngine } from '../client/engine.ts';

export interface ComposeRun {
  /** The wanted action, such as "read the compose project". */
  what: string;
  /** The code of a failure that is compose's own. */
  failure: ErrorCode;
  /** Told of each warning of compose, in its words, when all went well. A failure has the warnings in its hint. */
  onWarning?: (words: string) => void;
  signal: AbortSignal;
}

/**
 * Runs `docker compose ARGS` against the engine and gives its stdout. A failure carries compose's own words.
 * `dockerUnreachable` when the docker command line or the compose plugin is not there. The arguments hold no secret.
 * Nor does the error, since stdout is not part of it.
 */
export async function runCompose(engine: DockerEngine, args: string[], run: ComposeRun): Promise<string> {
  try {
    const { stdout, stderr } = await docker(engine, ['compose', '--ansi', 'never', ...args], run.signal);
    for (const words of composeWarnings(stderr)) run.onWarning?.(words);
    return stdout;
  } catch (error) {
    if (run.signal.aborted) throw cancelled();
    if (!(error instanceof ExecaError)) throw error;
    const cause = new Error(error.shortMessage);
    await requireCompose(engine, run.signal);
    const stderr = String(error.stderr ?? '');
    const words = composeWords(stderr);
    const lost = /cannot connect to the docker daemon|error during connect/i.test(words);
    throw new OdoError(lost ? 'dockerUnreachable' : run.failure, `cannot ${run.what}: ${words || error.shortMessage}`, {
      hint: [...composeWarnings(stderr), 'the same comes from `docker compose` itself with these -f files'].join('\n'),
      cause,
    });
  }
}

async function requireCompose(engine: DockerEngine, signal: AbortSignal): Promise<void> {
  try {
    await docker(engine, ['compose', 'version'], signal);
  } catch (error) {
    if (signal.aborted) throw cancelled();
    const missing = error instanceof ExecaError && error.code === 'ENOENT';
    throw new OdoError(
      'dockerUnreachable',
      missing ? 'the docker command line is not there' : 'docker has no compose plugin',
      {
        hint:
          'odo reads compose files through `docker compose` (version 2): install docker-compose-plugin, see ' +
          'https://docs.docker.com/compose/install/linux/',
        cause: error instanceof ExecaError ? new Error(error.shortMessage) : error,
      },
    );
  }
}

async function docker(
  engine: DockerEngine,
  args: string[],
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  // Detached: a terminal that goes away would take compose along, in the middle of starting a service.
  const how = { env: engine.env, extendEnv: false, stdin: 'ignore', cancelSignal: signal, detached: true } as const;
  return execa('docker', args, how);
}

const WARNING = /^(?:time="[^"]*" level=warning msg=|WARN\[\d+\] )(.*)$/;
/** Warnings that need no action. */
const IDLE = /the attribute `version` is obsolete|Found orphan containers/;

/** What compose has warned of on stderr, each thing once. */
export function composeWarnings(stderr: string): string[] {
  const found = stderr.split('\n').flatMap((line) => {
    const [, text] = WARNING.exec(line.trim()) ?? [];
    const words = text
      ?.replace(/^"(.*)"$/, '$1')
      .replaceAll('\\"', '"')
      .trim();
    return words === undefined || IDLE.test(words) ? [] : [words];
  });
  return [...new Set(found)];
}

/** What compose said on stderr, in one line and without its warnings and progress. */
export function composeWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const progress =
    /^(Container|Network|Volume|Image) \S+ +(Creating|Created|Starting|Started|Running|Recreate|Recreated|Pulling)$/;
  return lines.filter((line) => line !== '' && !WARNING.test(line) && !progress.test(line)).join('; ');
}
