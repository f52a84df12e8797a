import type Dockerode from 'dockerode';
import { OdoError } from '../../errors.ts';
import type { ContainerLimits } from '../client/container-limits.ts';
import { isNameTaken, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import type { Mount } from '../client/mount.ts';
import { COPY_KIND_LABEL, COPY_LABEL } from './copy-volume.ts';

const SERVER_PORT = '5432/tcp';

/** Memory that parallel queries share; the engine's own 64 MiB are soon used up. */
const SHARED_MEMORY_BYTES = 256 * 1024 * 1024;

/** A server beside the service, in a container of its own. */
export interface CopyServerOptions {
  name: string;
  image: string;
  /** Arguments of the server program. Anyone who may inspect containers can read them. */
  args: readonly string[];
  user: { uid: number; gid: number };
  mounts: readonly Mount[];
  env: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  /** The limits of the container on its host, as the service's own. */
  limits?: ContainerLimits;
  /** Port on 127.0.0.1 of the engine's host; 0 means a free one. Without a port, the server has no network at all. */
  port?: number;
}

/**
 * Creates and starts a server. It runs the program `postgres` itself, since the entry point of an image may do more
 * than start it. It has no capabilities. `unsafeTarget` when the name or the port is taken. `serviceNotFound` when a
 * mount is not there. `dockerUnreachable` when the engine does not start it. Nothing is left behind when this throws.
 */
export async function startCopyServer(engine: DockerEngine, options: CopyServerOptions): Promise<string> {
  const { name, image, user, port, limits = {} } = options;
  let container: Dockerode.Container;
  try {
    container = await engine.docker.createContainer({
      name,
      Image: image,
      Entrypoint: ['postgres'],
      Cmd: [...options.args],
      User: `${user.uid}:${user.gid}`,
      Env: Object.entries(options.env).map(([key, value]) => `${key}=${value}`),
      Labels: { ...options.labels },
      StopSignal: 'SIGINT',
      ...(port === undefined ? {} : { ExposedPorts: { [SERVER_PORT]: {} } }),
      HostConfig: {
        NetworkMode: port === undefined ? 'none' : 'bridge',
        ...(port === undefined
          ? {}
          : { PortBindings: { [SERVER_PORT]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] } }),
        Mounts: options.mounts.map(toEngineMount),
        ...limits,
        ShmSize: Math.max(SHARED_MEMORY_BYTES, limits.ShmSize ?? 0),
        CapDrop: ['ALL'],
        SecurityOpt: [...(limits.SecurityOpt ?? []), 'no-new-privileges', 'label=disable'],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      },
    });
  } catch (error) {
    if (isNameTaken(error)) {
      throw new OdoError('unsafeTarget', `there is a container ${name} already`, {
        hint: `see what it is (docker inspect ${name}), and remove it: docker rm -f ${name}`,
        cause: error,
      });
    }
    throw translateDockerError(error, `create container ${name}`, {
      notFound: 'versionMismatch',
      refused: 'serviceNotFound',
    });
  }
  try {
    await container.start();
    return container.id;
  } catch (error) {
    await container.remove({ force: true, v: true }).catch(() => undefined);
    if (/port is already allocated|address already in use/i.test(String((error as Error).message))) {
      throw new OdoError('unsafeTarget', `port ${port} of 127.0.0.1 is taken`, {
        hint: 'choose another with --port, or leave it out for a free one',
        cause: error,
      });
    }
    throw translateDockerError(error, `start container ${name}`);
  }
}

function toEngineMount({ type, source, destination, readOnly, subpath }: Mount): Dockerode.MountSettings {
  return {
    Type: type,
    Source: source,
    Target: destination,
    ReadOnly: readOnly,
    ...(type === 'volume' && { VolumeOptions: { NoCopy: true, ...(subpath && { Subpath: subpath }) } }),
  } as Dockerode.MountSettings;
}

/** A server of a copy, as the engine has it. */
export interface CopyServer {
  id: string;
  copy: string;
  running: boolean;
  /** Port on 127.0.0.1, while the server runs. */
  port?: number;
  labels: Readonly<Record<string, string>>;
}

/** The servers of copies of one kind. */
export async function listCopyServers(engine: DockerEngine, kind: string): Promise<CopyServer[]> {
  try {
    const list = await engine.docker.listContainers({ all: true, filters: { label: [`${COPY_KIND_LABEL}=${kind}`] } });
    return list.map(({ Id, State, Labels, Ports }) => {
      const port = Ports.find(({ PublicPort }) => PublicPort !== undefined)?.PublicPort;
      return {
        id: Id,
        copy: Labels[COPY_LABEL] ?? '',
        running: State === 'running',
        labels: Labels,
        ...(port === undefined ? {} : { port }),
      };
    });
  } catch (error) {
    throw translateDockerError(error, 'list the servers of copies');
  }
}
