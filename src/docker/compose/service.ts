import type Dockerode from 'dockerode';
import { OdoError } from '../../errors.ts';
import { inspectIfThere } from '../client/container.ts';
import { type ContainerLimits, limitsOfContainer } from '../client/container-limits.ts';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { type Mount, mountsOfContainer } from '../client/mount.ts';
import { type ImageInfo, inspectImage, parseEnv } from '../containers/image.ts';
import type { ComposeProject, ComposeService } from './project.ts';

export interface ServiceContainer {
  id: string;
  name: string;
  /** The container runs, or is paused or about to be restarted. */
  running: boolean;
  /** The container was created, and no server has ever run in it. */
  neverStarted?: boolean;
  /** The container runs, and is neither paused nor about to be restarted: programs can be run in it. */
  answers: boolean;
  /** `no`, `always`, `unless-stopped` or `on-failure`. */
  restartPolicy: string;
  /** How many seconds the container is given to stop, where it says so itself. */
  stopTimeoutSeconds?: number;
}

/**
 * A service as it is, or would be. Its containers decide, since they may have been made from another state of the
 * compose file. Without a container, the compose file and the image decide.
 */
export interface Service {
  name: string;
  /** The compose project's name. */
  project: string;
  /** Containers, running or not; empty when compose has not created any. The other fields tell about the first one. */
  containers: ServiceContainer[];
  imageRef: string;
  /** undefined when the engine does not have the image. */
  imageId?: string;
  /** The environment of the program in the container: the image's, overlaid by the service's. May hold secrets. */
  env: Record<string, string>;
  user?: string;
  /** The command line without its first word: the entry point's arguments and the command. */
  commandArgs: string[];
  mounts: Mount[];
  /** Files that compose writes into each container that it makes. */
  injectedFiles?: readonly string[];
  /**
   * By the compose file, the service starts by an entry point or a shell's command of its own, which may make files
   * first.
   */
  startsByScript?: true;
  /** The labels that the engine's containers of this service carry. */
  labels: Record<string, string>;
  /** The limits of the service's containers on their host. */
  limits?: ContainerLimits;
  /** `host`, `bridge`, or the name of a network; not given without a container. */
  networkMode?: string;
  /** Addresses that the service's containers are to have, and names by which containers know each other. */
  addresses?: readonly string[];
}

/** Finds a service's containers by compose's labels. `serviceNotFound` for a service that the project does not have. */
export async function resolveService(engine: DockerEngine, project: ComposeProject, name: string): Promise<Service> {
  const service = Object.hasOwn(project.services, name) ? project.services[name] : undefined;
  if (service === undefined) {
    const names = Object.keys(project.services).sort();
    throw new OdoError('serviceNotFound', `compose project ${project.name} has no service ${name}`, {
      hint:
        names.length > 0
          ? `its services are: ${names.join(', ')}`
          : 'it has no services at all; is it the right compose file?',
    });
  }
  const labels = { 'com.docker.compose.project': project.name, 'com.docker.compose.service': name };
  const infos = await inspectContainers(engine, { ...labels, 'com.docker.compose.oneoff': 'False' });
  const known = {
    ...{ name, project: project.name, labels },
    ...(service.injectedFiles && { injectedFiles: service.injectedFiles }),
    ...((service.entrypoint || isShell(service.command?.[0])) && { startsByScript: true as const }),
  };
  const [first] = infos;
  if (first) {
    const image = await inspectImage(engine, first.Image);
    return { ...known, containers: infos.map(toContainer), ...ofContainer(first, image) };
  }
  return { ...known, containers: [], ...ofComposeFile(service, await inspectImage(engine, service.image)) };
}

function isShell(program = ''): boolean {
  return /(^|\/)(ba|da|a)?sh$/.test(program);
}

async function inspectContainers(
  engine: DockerEngine,
  labels: Record<string, string>,
): Promise<Dockerode.ContainerInspectInfo[]> {
  const filter = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  try {
    const list = await engine.docker.listContainers({ all: true, filters: { label: filter } });
    const infos = await Promise.all(list.map(({ Id }) => inspectIfThere(engine, Id)));
    // A container that compose is making anew may be gone by now.
    const there = infos.filter((info) => info !== undefined);
    return there.sort(
      (a, b) => Number(b.State.Running) - Number(a.State.Running) || containerNumber(a) - containerNumber(b),
    );
  } catch (error) {
    throw translateDockerError(error, `list the containers of service ${labels['com.docker.compose.service']}`, {
      notFound: 'serviceNotFound',
    });
  }
}

/**
 * Names of the projects in which a service has a container that compose made from this very file, perhaps with others.
 */
export async function projectsWith(engine: DockerEngine, service: string, file: string): Promise<string[]> {
  const infos = await inspectContainers(engine, {
    'com.docker.compose.service': service,
    'com.docker.compose.oneoff': 'False',
  });
  const names = infos.flatMap(({ Config: { Labels } }) => {
    const files = Labels['com.docker.compose.project.config_files']?.split(',') ?? [];
    const name = Labels['com.docker.compose.project'];
    return name !== undefined && files.includes(file) ? [name] : [];
  });
  return [...new Set(names)].sort();
}

function containerNumber(info: Dockerode.ContainerInspectInfo): number {
  return Number(info.Config.Labels['com.docker.compose.container-number'] ?? 0);
}

function toContainer(info: Dockerode.ContainerInspectInfo): ServiceContainer {
  // dockerode's types lack this field.
  const { StopTimeout } = info.Config as { StopTimeout?: number | null };
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    running: info.State.Running,
    // The engine writes the year 1 for "never".
    ...(new Date(info.State.StartedAt).getUTCFullYear() <= 1 && { neverStarted: true }),
    answers: info.State.Running && !info.State.Restarting && !info.State.Paused,
    restartPolicy: info.HostConfig.RestartPolicy?.Name || 'no',
    ...(typeof StopTimeout === 'number' && { stopTimeoutSeconds: StopTimeout }),
  };
}

type Described = Pick<
  Service,
  'imageRef' | 'imageId' | 'env' | 'user' | 'commandArgs' | 'mounts' | 'limits' | 'networkMode' | 'addresses'
>;

function ofContainer(info: Dockerode.ContainerInspectInfo, image: ImageInfo | undefined): Described {
  return {
    imageRef: info.Config.Image,
    imageId: info.Image,
    env: { ...image?.env, ...parseEnv(info.Config.Env) },
    ...(info.Config.User && { user: info.Config.User }),
    commandArgs: info.Args ?? [],
    mounts: mountsOfContainer(info),
    limits: limitsOfContainer(info),
    ...(info.HostConfig.NetworkMode && { networkMode: info.HostConfig.NetworkMode }),
    addresses: addressesOf(info),
  };
}

function ofComposeFile(service: ComposeService, image: ImageInfo | undefined): Described {
  // An entry point in the compose file drops the image's command, too.
  const entrypoint = service.entrypoint ?? image?.entrypoint ?? [];
  const command = service.command ?? (service.entrypoint ? [] : (image?.cmd ?? []));
  const user = service.user ?? image?.user;
  const mounts = [...service.mounts];
  for (const destination of image?.volumes ?? []) {
    if (mounts.some((mount) => mount.destination === destination)) continue;
    mounts.push({ type: 'volume', source: '', destination, readOnly: false });
  }
  return {
    imageRef: service.image,
    ...(image && { imageId: image.id }),
    env: { ...image?.env, ...service.environment },
    ...(user && { user }),
    commandArgs: [...entrypoint, ...command].slice(1),
    mounts,
    ...(service.limits && { limits: service.limits }),
    ...(service.networkMode && { networkMode: service.networkMode }),
    ...(service.addresses && { addresses: service.addresses }),
  };
}

/**
 * A container's own name and aliases in its networks, and the addresses that it is to get there. Addresses that it
 * merely got are left out: its next start may bring others.
 */
function addressesOf({ Config, NetworkSettings }: Dockerode.ContainerInspectInfo): string[] {
  const found = [Config.Hostname];
  for (const network of Object.values(NetworkSettings?.Networks ?? {})) {
    const { IPv4Address, IPv6Address } = (network.IPAMConfig ?? {}) as { IPv4Address?: string; IPv6Address?: string };
    found.push(...(network.Aliases ?? []), IPv4Address ?? '', IPv6Address ?? '');
  }
  return [...new Set(found.filter(Boolean))];
}
