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

/** Told apart from the containers of services by this label; the value says what it is there for. */
export const ROLE_LABEL = 'odo.role';

/** Says on whose behalf it works, for others that want the same volume. */
export const HOLDER_LABEL = 'odo.holder';

/** How long a container may take from its creation to its start. */
const STARTING_MS = 30_000;

/** After so long, nobody is going to start a container that was made. */
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
  /** The image's own when not given. */
  entrypoint?: string[];
  cmd: string[];
  mounts: RestoreMount[];
  /** `host`, `bridge`, `none` or a network's name. */
  network: string;
  /** The engine has each name once: a second container of the same name is refused as unsafeTarget. */
  name: string;
  labels?: Record<string, string>;
  /** Whoever may inspect containers can read it: no secrets. They go over stdin. */
  env?: Record<string, string>;
  /**
   * As whom the program runs, as `docker run --user` takes it; root when not given. Any other has no capabilities at
   * all.
   */
  user?: string;
  /** The image's own files may be changed; what was changed goes with the container. */
  writableRoot?: boolean;
  /** What the container may use of its host; the engine's defaults when not given. */
  limits?: ContainerLimits;
}

/**
 * A throwaway container that is spoken with over stdin and stdout. It lives only as long as whoever opened it: when
 * that process dies, however it dies, the engine closes the container's stdin, and the program in it is expected to end
 * at that.
 */
export interface RestoreContainer {
  id: string;
  /**
   * What it writes to stdout, line by line, to be read once; not reading makes it wait. Ends with the container; a lost
   * engine is dockerUnreachable.
   */
  lines: AsyncIterable<string>;
  /** Writes one line to its stdin. */
  send(text: string): Promise<void>;
  /** The last 64 KiB of its stderr. */
  stderrTail(): string;
  /** The exit code, once the container has ended and is gone. */
  exited: Promise<number>;
  /**
   * Closes its stdin, waits for it to end by itself, kills it after `graceMs` (10 s); the container is gone when this
   * resolves.
   */
  end(graceMs?: number): Promise<void>;
}

const END_GRACE_MS = 10_000;

/**
 * Creates, attaches to and starts a container that removes itself. An abort of the signal, now or later, kills and
 * removes it. Errors: versionMismatch (the image is not there or cannot run the command), serviceNotFound (a mount or
 * the network is not there), unsafeTarget (the name is taken). Nothing is left behind when this throws.
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
    // should this fail too, the first error is the one that tells why
    await removeContainer(engine, container.id).catch(() => {});
    if (signal.aborted) throw cancelled(error);
    throw startError(error, options);
  }
}

async function create(engine: DockerEngine, options: RestoreContainerOptions): Promise<Dockerode.Container> {
  try {
    // without the signal: a request given up half-way may have made the container all the same
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
        // it handles data from outside: it may write files of any owner below its mounts, and nothing else
        CapDrop: ['ALL'],
        ...(options.user === undefined && { CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] }),
        ReadonlyRootfs: options.writableRoot !== true,
        // the volume belongs to another container: SELinux must neither bar this one from it nor label it anew
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

/** What the running container of that name is there for; undefined when there is none, or it is none of ODO's. */
export async function roleOfContainer(engine: DockerEngine, name: string): Promise<string | undefined> {
  try {
    const { State, Config } = await engine.docker.getContainer(name).inspect();
    return State.Running ? Config.Labels[ROLE_LABEL] : undefined;
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateDockerError(error, `look at container ${name}`);
  }
}

/** A container of that name that does not run was left by an engine that went down; whoever held it is gone. */
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
 * Removes ODO's containers, whatever they were for, that were made and never started: a command that was killed between
 * the two leaves one, and only a container that has run goes by itself.
 */
export async function removeNeverStarted(engine: DockerEngine): Promise<void> {
  const filters = { label: [ROLE_LABEL], status: ['created'] };
  const made = await engine.docker.listContainers({ all: true, filters }).catch(() => []);
  // What keeps one of them in its place is nothing to this command.
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
    // NoCopy: an empty volume must not be filled with what the image happens to have at that path
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

/** Docker answers so when the container is started, Podman when it is made. */
function isNetworkMissing(error: unknown): boolean {
  return httpStatus(error) !== undefined && /network .*not found/i.test(engineWords(error));
}

function networkMissing(error: unknown, what: string): OdoError {
  return translateDockerError(error, what, { refused: 'serviceNotFound', hint: 'see `docker network ls`' });
}

/**
 * Resolves when the engine has begun to watch, which has to be before the start; the inner promise is the exit code.
 */
async function watchExit(container: Dockerode.Container): Promise<{ code: Promise<number> }> {
  // not container.wait(): that one only comes back with the exit, which leaves open whether the watch began before the
  // start
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
    // should this fail, the closed stdin still ends the container
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
    // also after a normal end: the engine may have failed at removing it
    await removeContainer(engine, id);
    // what it wrote last may still be on its way
    if (!socket.readableEnded && !socket.destroyed)
      await Promise.race([once(socket, 'close'), sleep(1000, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
    socket.destroy();
  }
}
