import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { cancelled, OdoError } from '../../errors.ts';
import { attach } from '../client/attach.ts';
import { removeContainer } from '../client/container.ts';
import type { ContainerLimits } from '../client/container-limits.ts';
import { converse } from '../client/conversation.ts';
import { engineWords, httpStatus, isNameTaken, isNetworkFault, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';

/** Label that tells ODO's containers from those of services. Its value is the container's purpose. */
export const ROLE_LABEL = 'odo.role';

/** Label with the words for the holder of a container, for others that want the same volume. */
export const HOLDER_LABEL = 'odo.holder';

/** How long a container may take from its creation to its start. */
const STARTING_MS = 30_000;

/** A container that was made this long ago will not be started by anybody any more. */
const NEVER_STARTED_MS = 600_000;

export interface RestoreMount {
  type: 'volume' | 'bind';
  /** The volume's real name, or a path on the engine's host. */
  source: string;
  destination: string;
  readOnly?: boolean;
  /** The folder of a volume to mount instead of the whole; needs engine API 1.45. */
  subpath?: string;
}

export interface RestoreContainerOptions {
  image: string;
  /** The image's own entry point when not given. */
  entrypoint?: string[];
  cmd: string[];
  mounts: RestoreMount[];
  /** `host`, `bridge`, `none` or a network's name. */
  network: string;
  /** The container's name. The engine has each name once: `unsafeTarget` for a second container of that name. */
  name: string;
  labels?: Record<string, string>;
  /** Environment that anyone who may inspect containers can read: no secrets. They go over stdin. */
  env?: Record<string, string>;
  /**
   * User of the program, as `docker run --user` takes it; root when not given. Any other user has no capabilities at
   * all.
   */
  user?: string;
  /** The image's own files may be changed; what was changed goes with the container. */
  writableRoot?: boolean;
  /** The limits of the container on its host; the engine's defaults when not given. */
  limits?: ContainerLimits;
}

/**
 * A throwaway container that is spoken with over stdin and stdout. It lives only as long as the process that opened it.
 * When that process dies, however it dies, the engine closes the container's stdin. The program in the container is
 * expected to end at that.
 */
export interface RestoreContainer {
  id: string;
  /**
   * The container's stdout, line by line, to be read once. Not reading makes the container wait. The lines end with the
   * container. `dockerUnreachable` for a lost engine.
   */
  lines: AsyncIterable<string>;
  /** Writes one line to its stdin. */
  send(text: string): Promise<void>;
  /** The last 64 KiB of its stderr. */
  stderrTail(): string;
  /** The exit code, once the container has ended and is gone. */
  exited: Promise<number>;
  /**
   * Closes the container's stdin, waits for it to end by itself, and kills it after `graceMs` (10 s). The container is
   * gone when this resolves.
   */
  end(graceMs?: number): Promise<void>;
}

const END_GRACE_MS = 10_000;

/**
 * Creates, attaches to and starts a container that removes itself. An abort of the signal, now or later, kills and
 * removes it. `versionMismatch` when the image is not there or cannot run the command. `serviceNotFound` when a mount
 * or the network is not there. `unsafeTarget` when the name is taken. Nothing is left behind when this throws.
 */
export async function openRestoreContainer(
  engine: DockerEngine,
  options: RestoreContainerOptions,
  signal: AbortSignal,
): Promise<RestoreContainer> {
  if (signal.aborted) throw cancelled(signal.reason);
  await removeNeverStarted(engine);
  const container = await create(engine, options);
  let socket: Duplex | undefined;
  try {
    const exited = await watchExit(container);
    socket = await attach(engine, container.id);
    const opened = handle(engine, container.id, socket, exited, signal);
    if (!signal.aborted) await container.start();
    if (signal.aborted) throw cancelled(signal.reason);
    return opened;
  } catch (error) {
    socket?.destroy();
    // Should this fail, too, the first error is the one that tells why.
    await removeContainer(engine, container.id).catch(() => {});
    if (signal.aborted) throw cancelled(error);
    throw startError(error, options);
  }
}

async function create(engine: DockerEngine, options: RestoreContainerOptions): Promise<Dockerode.Container> {
  try {
    // Without the signal: a request that is given up half-way may have made the container all the same.
    return await engine.docker.createContainer({
      name: options.name,
      Image: options.image,
      ...(options.entrypoint && { Entrypoint: options.entrypoint }),
      Cmd: options.cmd,
      Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
      Labels: { [ROLE_LABEL]: 'restore', ...options.labels },
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
      Tty: false,
      ...(options.user !== undefined && { User: options.user }),
      HostConfig: {
        AutoRemove: true,
        NetworkMode: options.network,
        Mounts: options.mounts.map(toEngineMount),
        ...options.limits,
        // The container handles data from outside. It may write files of any owner below its mounts, and nothing else.
        CapDrop: ['ALL'],
        ...(options.user === undefined && { CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] }),
        ReadonlyRootfs: options.writableRoot !== true,
        // The volume belongs to another container. SELinux must neither bar this one from it nor label it anew.
        SecurityOpt: [...new Set([...(options.limits?.SecurityOpt ?? []), 'no-new-privileges', 'label=disable'])],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } },
      },
    });
  } catch (error) {
    const status = httpStatus(error);
    const isTaken = isNameTaken(error);
    if (isTaken && (await removeLeftover(engine, options.name))) return create(engine, options);
    if (status === 404) {
      throw new OdoError('versionMismatch', `image ${options.image} is not there`, {
        hint: `fetch it with \`docker pull ${options.image}\`, or build or load it on this engine`,
        cause: error,
      });
    }
    if (isTaken) {
      throw new OdoError('unsafeTarget', `another odo is at work: ${await holderOf(engine, options.name)}`, {
        hint:
          `wait for it to end, or end it; \`docker ps --filter name=${options.name}\` shows its container, ` +
          'which ends with the command it belongs to',
        cause: error,
      });
    }
    if (isNetworkMissing(error)) throw networkMissing(error, `create container ${options.name}`);
    throw translateDockerError(error, `create container ${options.name}`, { refused: 'serviceNotFound' });
  }
}

/** The purpose of the running container of that name. undefined when there is none, or it is none of ODO's. */
export async function roleOfContainer(engine: DockerEngine, name: string): Promise<string | undefined> {
  try {
    const { State, Config } = await engine.docker.getContainer(name).inspect();
    return State.Running ? Config.Labels[ROLE_LABEL] : undefined;
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateDockerError(error, `look at container ${name}`);
  }
}

/** Removes a container of that name that does not run. An engine that went down has left it, and its holder is gone. */
async function removeLeftover(engine: DockerEngine, name: string): Promise<boolean> {
  try {
    const { Id, State, Config, Created } = await engine.docker.getContainer(name).inspect();
    const isStarting = State.Status === 'created' && Date.now() - Date.parse(Created) < STARTING_MS;
    if (State.Running || isStarting || Config.Labels[ROLE_LABEL] === undefined) return false;
    await removeContainer(engine, Id);
    return true;
  } catch (error) {
    return httpStatus(error) === 404;
  }
}

/**
 * Removes ODO's containers, whatever their purpose, that were made and never started. A command that was killed between
 * the two leaves one, and only a container that has run goes by itself.
 */
export async function removeNeverStarted(engine: DockerEngine): Promise<void> {
  const filters = { label: [ROLE_LABEL], status: ['created'] };
  const made = await engine.docker.listContainers({ all: true, filters }).catch(() => []);
  // If one of them cannot be removed, that does not matter to this command.
  for (const { Id, Created } of made)
    if (Date.now() - Created * 1000 > NEVER_STARTED_MS) await removeContainer(engine, Id, 0).catch(() => {});
}

async function holderOf(engine: DockerEngine, name: string): Promise<string> {
  try {
    const { Config, Created } = await engine.docker.getContainer(name).inspect();
    return Config.Labels[HOLDER_LABEL] ?? `container ${name}, created ${Created}`;
  } catch {
    return `container ${name}`;
  }
}

function toEngineMount(mount: RestoreMount): Dockerode.MountSettings {
  return {
    Type: mount.type,
    Source: mount.source,
    Target: mount.destination,
    ReadOnly: mount.readOnly ?? false,
    // NoCopy: an empty volume must not be filled with what the image happens to have at that path.
    ...(mount.type === 'volume' && {
      VolumeOptions: { NoCopy: true, ...(mount.subpath && { Subpath: mount.subpath }) },
    }),
  } as Dockerode.MountSettings;
}

function startError(error: unknown, options: RestoreContainerOptions): OdoError {
  if (isNetworkMissing(error)) return networkMissing(error, `start container ${options.name}`);
  const refused = isNetworkFault(engineWords(error)) ? 'dockerUnreachable' : 'versionMismatch';
  return translateDockerError(error, `start container ${options.name} of image ${options.image}`, { refused });
}

/** Whether the network is missing. Docker answers so when the container is started, Podman when it is made. */
function isNetworkMissing(error: unknown): boolean {
  return httpStatus(error) !== undefined && /network .*not found/i.test(engineWords(error));
}

function networkMissing(error: unknown, what: string): OdoError {
  return translateDockerError(error, what, { refused: 'serviceNotFound', hint: 'see `docker network ls`' });
}

/**
 * Begins to watch a container, which has to happen before its start. Resolves once the engine watches. The inner
 * promise is the exit code.
 */
async function watchExit(container: Dockerode.Container): Promise<{ code: Promise<number> }> {
  // Not container.wait(): it only comes back with the exit, which leaves open whether the watch began before the start.
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    container.modem.dial(
      {
        path: `/containers/${container.id}/wait?`,
        method: 'POST',
        isStream: true,
        options: { _query: { condition: 'removed' }, _body: {} },
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      },
      (error: unknown, stream: NodeJS.ReadableStream) => (error ? reject(error) : resolve(stream)),
    );
  });
  const code = readExitCode(response);
  code.catch(() => {});
  return { code };
}

async function readExitCode(response: NodeJS.ReadableStream): Promise<number> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { StatusCode: number }).StatusCode;
  } catch (error) {
    throw translateDockerError(error, 'wait for the restore container');
  }
}

function handle(
  engine: DockerEngine,
  id: string,
  socket: Duplex,
  exited: { code: Promise<number> },
  signal: AbortSignal,
): RestoreContainer {
  const talk = converse(socket);
  const onAbort = (): void => {
    talk.breakOff(cancelled(signal.reason));
    // Should this fail, the closed stdin still ends the container.
    removeContainer(engine, id).catch(() => {});
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const over = (): void => signal.removeEventListener('abort', onAbort);
  exited.code.then(over, over);

  let ended: Promise<void> | undefined;
  return {
    id,
    lines: talk.lines,
    send: talk.send,
    stderrTail: talk.stderrTail,
    exited: exited.code,
    end(graceMs = END_GRACE_MS) {
      talk.letRun();
      ended ??= endGently(engine, id, socket, exited.code, graceMs);
      return ended;
    },
  };
}

async function endGently(
  engine: DockerEngine,
  id: string,
  socket: Duplex,
  exited: Promise<number>,
  graceMs: number,
): Promise<void> {
  const timer = new AbortController();
  try {
    if (socket.writable) socket.end();
    await Promise.race([exited.catch(() => {}), sleep(graceMs, undefined, { signal: timer.signal })]);
    // Also after a normal end: the engine may have failed to remove it.
    await removeContainer(engine, id);
    // The container's last output may still be on its way.
    if (!socket.readableEnded && !socket.destroyed)
      await Promise.race([once(socket, 'close'), sleep(1000, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
    socket.destroy();
  }
}
