import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, OdoError } from '../../errors.ts';
import { demultiplexer } from './demultiplex.ts';
import { httpStatus, translateDockerError } from './docker-errors.ts';
import type { DockerEngine } from './engine.ts';

/** How a container stands. */
export interface ContainerState {
  running: boolean;
  /** The container ended, and the engine is about to start it again under its restart policy. */
  restarting: boolean;
  exitCode: number;
  /** How often the restart policy has started it. */
  restartCount: number;
  /** Time of the last start; undefined when the container never ran. */
  startedAt?: Date;
  oomKilled: boolean;
  /** Health of a container with a health check: `starting`, `healthy` or `unhealthy`. */
  health?: string;
}

/** The state of a container. `serviceNotFound` when there is no such container. */
export async function containerState(engine: DockerEngine, id: string): Promise<ContainerState> {
  const { State, RestartCount } = await inspect(engine, id);
  const startedAt = new Date(State.StartedAt);
  const health = State.Health?.Status;
  return {
    running: State.Running && !State.Restarting,
    restarting: State.Restarting,
    exitCode: State.ExitCode,
    restartCount: RestartCount ?? 0,
    // The engine writes the year 1 for "never".
    ...(startedAt.getUTCFullYear() > 1 && { startedAt }),
    oomKilled: State.OOMKilled,
    ...(health && health !== 'none' && { health }),
  };
}

/**
 * Stops a container with the stop signal of its own or its image, and kills it when `timeoutSeconds` have passed. A
 * restart policy does not start it again. A container that is stopped already is no error.
 */
export async function stopContainer(engine: DockerEngine, id: string, timeoutSeconds: number): Promise<void> {
  await unlessAlready(`stop container ${shortId(id)}`, () =>
    engine.docker.getContainer(id).stop({ t: Math.ceil(timeoutSeconds) }),
  );
}

/** Starts a container as it was made, without asking a compose file. One that runs already is fine. */
export async function startContainer(engine: DockerEngine, id: string): Promise<void> {
  await unlessAlready(`start container ${shortId(id)}`, () => engine.docker.getContainer(id).start());
}

/**
 * Removes a container with its anonymous volumes, killing it if it runs, and comes back when it is gone. Volumes with a
 * name stay. A container that is gone already, or that somebody else removes, is no error.
 */
export async function removeContainer(engine: DockerEngine, id: string, timeoutMs = 30_000): Promise<void> {
  const container = engine.docker.getContainer(id);
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 0; ; waitMs = 100) {
    try {
      await container.remove({ force: true, v: true });
    } catch (error) {
      if (httpStatus(error) === 404) return;
      // 409: its removal is under way. 500: whatever holds it, such as a mount, may let go in a moment.
      if (httpStatus(error) === undefined || Date.now() > deadline) {
        throw translateDockerError(error, `remove container ${shortId(id)}`);
      }
    }
    await sleep(waitMs);
  }
}

/**
 * Runs a program in a running container, with `input` on its stdin where given, and collects its output. The engine
 * cannot end such a program: after a timeout (`dockerUnreachable`) or an abort it may still run. `serviceNotFound` for
 * a container that is not there or does not run.
 */
export async function execIn(
  engine: DockerEngine,
  id: string,
  argv: string[],
  options: { user?: string; env?: Record<string, string>; input?: string; timeoutMs?: number; signal: AbortSignal },
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const what = `run ${argv[0]} in container ${shortId(id)}`;
  const { input, timeoutMs } = options;
  const timeout = timeoutMs === undefined ? new AbortController().signal : AbortSignal.timeout(timeoutMs);
  const abortSignal = AbortSignal.any([options.signal, timeout]);
  try {
    const exec = await engine.docker.getContainer(id).exec({
      Cmd: argv,
      AttachStdin: input !== undefined,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
      ...(options.user !== undefined && { User: options.user }),
      abortSignal,
    });
    const output = await exec.start(input === undefined ? { abortSignal } : { abortSignal, hijack: true, stdin: true });
    if (input !== undefined) {
      // A program that ends before it has read everything tells why by its status.
      output.on('error', () => undefined);
      output.end(input);
    }
    const { stdout, stderr } = await collect(output, abortSignal);
    const { ExitCode } = await exec.inspect({ abortSignal });
    return { exitCode: ExitCode ?? -1, stdout, stderr };
  } catch (error) {
    if (options.signal.aborted) throw cancelled(error);
    if (timeout.aborted) {
      throw new OdoError('dockerUnreachable', `cannot ${what}: no answer within ${(timeoutMs ?? 0) / 1000} s`, {
        hint: 'see `docker stats` and `docker info` for what keeps the engine or its host busy',
        cause: error,
      });
    }
    throw translateDockerError(error, what, { notFound: 'serviceNotFound', refused: 'serviceNotFound' });
  }
}

/** The last lines that a container wrote since a time, stdout and stderr together as they came. */
export async function logsSince(
  engine: DockerEngine,
  id: string,
  sinceUnixSeconds: number,
  tailLines: number,
): Promise<string> {
  const { Config } = await inspect(engine, id);
  let logs: unknown;
  try {
    logs = await engine.docker
      .getContainer(id)
      .logs({ stdout: true, stderr: true, follow: false, since: sinceUnixSeconds, tail: tailLines });
  } catch (error) {
    throw translateDockerError(error, `read the log of container ${shortId(id)}`, { notFound: 'serviceNotFound' });
  }
  // A log that happens to be JSON as a whole comes parsed.
  if (!Buffer.isBuffer(logs)) return JSON.stringify(logs);
  if (Config.Tty) return logs.toString('utf8');
  return Buffer.concat(demultiplexer()(logs).map((piece) => piece.bytes)).toString('utf8');
}

async function collect(
  output: NodeJS.ReadableStream,
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  const take = demultiplexer();
  const taken: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  for await (const chunk of output) {
    for (const { stream, bytes } of take(chunk as Buffer)) taken[stream].push(bytes);
  }
  signal.throwIfAborted();
  return { stdout: Buffer.concat(taken.stdout).toString('utf8'), stderr: Buffer.concat(taken.stderr).toString('utf8') };
}

async function inspect(engine: DockerEngine, id: string) {
  try {
    return await engine.docker.getContainer(id).inspect();
  } catch (error) {
    throw translateDockerError(error, `look at container ${shortId(id)}`, { notFound: 'serviceNotFound' });
  }
}

/** The engine's facts of a container; undefined when it is gone. */
export async function inspectIfThere(engine: DockerEngine, id: string) {
  try {
    return await engine.docker.getContainer(id).inspect();
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw error;
  }
}

async function unlessAlready(what: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (httpStatus(error) === 304) return;
    throw translateDockerError(error, what, { notFound: 'serviceNotFound', refused: 'recoveryFailed' });
  }
}

function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}
