import { randomBytes } from 'node:crypto';
import { cancelled, OdoError } from '../../errors.ts';
import { removeContainer } from '../client/container.ts';
import { httpStatus, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { readFileFromTar } from '../client/single-file-tar.ts';
import { ROLE_LABEL, removeNeverStarted } from './odo-containers.ts';
import { openRestoreContainer } from './restore-container.ts';

const VERSION_TIMEOUT_MS = 20_000;

/** An image's own settings for its containers. */
export interface ImageInfo {
  id: string;
  env: Record<string, string>;
  entrypoint: string[];
  cmd: string[];
  user?: string;
  workingDir?: string;
  labels: Record<string, string>;
  /** The paths that get an anonymous volume when nothing is mounted there. */
  volumes: string[];
  /** Digests of its unpacked layers, from the bottom up. */
  layers: string[];
}

/** Looks at an image. undefined when the engine does not have it: nothing is fetched. */
export async function inspectImage(engine: DockerEngine, ref: string): Promise<ImageInfo | undefined> {
  try {
    const { Id, Config, RootFS } = await engine.docker.getImage(ref).inspect();
    return {
      id: Id,
      env: parseEnv(Config?.Env),
      entrypoint: toArgv(Config?.Entrypoint),
      cmd: toArgv(Config?.Cmd),
      ...(Config?.User && { user: Config.User }),
      ...(Config?.WorkingDir && { workingDir: Config.WorkingDir }),
      labels: Config?.Labels ?? {},
      volumes: Object.keys(Config?.Volumes ?? {}),
      layers: RootFS?.Layers ?? [],
    };
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateDockerError(error, `look at image ${ref}`, { refused: 'versionMismatch' });
  }
}

/** `NAME=value` entries as the engine keeps them. */
export function parseEnv(entries: readonly string[] | null | undefined): Record<string, string> {
  const env: Record<string, string> = {};
  for (const entry of entries ?? []) {
    const at = entry.indexOf('=');
    if (at > 0) env[entry.slice(0, at)] = entry.slice(at + 1);
  }
  return env;
}

function toArgv(command: string | string[] | null | undefined): string[] {
  return typeof command === 'string' ? [command] : (command ?? []);
}

/**
 * The PostgreSQL major version that an image runs. It is PG_MAJOR of `env`, which the official images set, else the
 * answer of `postgres --version` in a throwaway container. undefined when neither tells. `versionMismatch` when the
 * image is not there.
 */
export async function postgresMajor(
  engine: DockerEngine,
  ref: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<number | undefined> {
  const told = /^\d+/.exec(env.PG_MAJOR ?? '');
  if (told) return Number(told[0]);
  const timeout = AbortSignal.timeout(VERSION_TIMEOUT_MS);
  const options = {
    image: ref,
    entrypoint: ['postgres'],
    cmd: ['--version'],
    mounts: [],
    network: 'none',
    name: probeName(),
  };
  try {
    const probe = await openRestoreContainer(
      engine,
      { ...options, labels: { [ROLE_LABEL]: 'probe' } },
      AbortSignal.any([signal, timeout]),
    );
    try {
      let major: number | undefined;
      for await (const line of probe.lines) major ??= parseVersion(line);
      return major;
    } finally {
      await probe.end();
    }
  } catch (error) {
    if (signal.aborted) throw cancelled(error);
    if (timeout.aborted) return undefined;
    // An image without the program tells no version. An image that is not there is an error.
    if (error instanceof OdoError && error.code === 'versionMismatch' && (await inspectImage(engine, ref)))
      return undefined;
    throw error;
  }
}

/** The major version in what `postgres --version` prints: `postgres (PostgreSQL) 15.18 (Debian …)`. */
export function parseVersion(line: string): number | undefined {
  const found = /\(PostgreSQL\) (\d+)/.exec(line);
  return found ? Number(found[1]) : undefined;
}

/**
 * The ids of a user in an image, from its /etc/passwd. The file is read out of a container of the image where there is
 * one, else out of one that is created, never started, and removed. undefined when there is no such file or user.
 * `versionMismatch` when the image is not there.
 */
export async function userInImage(
  engine: DockerEngine,
  ref: string,
  name: string,
  containerId?: string,
): Promise<{ uid: number; gid: number } | undefined> {
  if (containerId !== undefined) return readUser(engine, containerId, ref, name);
  await removeNeverStarted(engine);
  let container: Awaited<ReturnType<DockerEngine['docker']['createContainer']>>;
  try {
    container = await engine.docker.createContainer({
      name: probeName(),
      Image: ref,
      Entrypoint: ['true'],
      Cmd: [],
      Labels: { [ROLE_LABEL]: 'probe' },
      HostConfig: { NetworkMode: 'none' },
    });
  } catch (error) {
    const codes = { notFound: 'versionMismatch', refused: 'versionMismatch' } as const;
    throw translateDockerError(error, `read /etc/passwd of image ${ref}`, codes);
  }
  try {
    return await readUser(engine, container.id, ref, name);
  } finally {
    await removeContainer(engine, container.id);
  }
}

async function readUser(engine: DockerEngine, containerId: string, ref: string, name: string) {
  try {
    const archive = await engine.docker.getContainer(containerId).getArchive({ path: '/etc/passwd' });
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(chunk as Buffer);
    return findUser(readFileFromTar(Buffer.concat(chunks)) ?? '', name);
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateDockerError(error, `read /etc/passwd of image ${ref}`);
  }
}

/** Looks a user up in the text of an /etc/passwd: `name:password:uid:gid:…`. */
export function findUser(passwd: string, name: string): { uid: number; gid: number } | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid = '', gid = ''] = line.split(':');
    if (user === name && /^\d+$/.test(uid) && /^\d+$/.test(gid)) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function probeName(): string {
  return `odo-probe-${randomBytes(6).toString('hex')}`;
}
