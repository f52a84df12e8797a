import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Dockerode from 'dockerode';

const clients = new Map<string | undefined, Dockerode>();

/**
 * The engine that the docker command line uses too; asked without spawning a program, since many runs have to be quick.
 */
export function engine(): Dockerode {
  const host = process.env.DOCKER_HOST;
  const client = clients.get(host) ?? new Dockerode();
  clients.set(host, client);
  return client;
}

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program in a running container. A container that is not running answers with code -1. */
export async function execIn(
  container: string,
  argv: readonly string[],
  options: { user?: string } = {},
): Promise<Answer> {
  try {
    const exec = await engine()
      .getContainer(container)
      .exec({
        Cmd: [...argv],
        AttachStdout: true,
        AttachStderr: true,
        ...(options.user === undefined ? {} : { User: options.user }),
      });
    const both = await exec.start({});
    const out = new PassThrough();
    const err = new PassThrough();
    engine().modem.demuxStream(both, out, err);
    both.on('end', () => {
      out.end();
      err.end();
    });
    both.on('error', (error) => {
      out.destroy(error);
      err.destroy(error);
    });
    const [stdout, stderr] = await Promise.all([text(out), text(err)]);
    return { code: (await exec.inspect()).ExitCode ?? -1, stdout, stderr };
  } catch (error) {
    return { code: -1, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}

export interface ContainerLook {
  running: boolean;
  exitCode: number;
  /** Of its first process, as the engine's machine counts; 0 when it does not run. */
  pid: number;
  /** For how long it has been there without ever being started; not given for one that was. */
  unstartedMs?: number;
}

/** undefined when there is no such container. */
export async function lookAt(container: string): Promise<ContainerLook | undefined> {
  try {
    const { State, Created } = await engine().getContainer(container).inspect();
    const unstarted = State.Status === 'created' ? { unstartedMs: Date.now() - Date.parse(Created) } : {};
    return { running: State.Running, exitCode: State.ExitCode, pid: State.Pid, ...unstarted };
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

/** kill -9 of a container's first process. */
export async function killContainer(container: string): Promise<boolean> {
  try {
    await engine().getContainer(container).kill({ signal: 'SIGKILL' });
    return true;
  } catch {
    return false; // it had ended
  }
}

/** Asks again every few milliseconds; false after `timeoutMs`. */
export async function poll(check: () => Promise<boolean>, timeoutMs: number, everyMs = 50): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await check()) return true;
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
