import type Dockerode from 'dockerode';
import { OdoError } from '../../errors.ts';
import type { ContainerLimits } from '../client/container-limits.ts';
import { engineWords, httpStatus, isNameTaken, isNetworkFault, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { holderOf, ROLE_LABEL, removeLeftover } from './odo-containers.ts';

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

/** Creates the container, without starting it. Errors: as openRestoreContainer(). */
export async function createContainer(
  engine: DockerEngine,
  options: RestoreContainerOptions,
): Promise<Dockerode.Container> {
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
    if (isTaken && (await removeLeftover(engine, options.name))) return createContainer(engine, options);
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

/** The error for a container that could not be started. */
export function startError(error: unknown, options: RestoreContainerOptions): OdoError {
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
