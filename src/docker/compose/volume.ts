import { dirname, resolve } from 'node:path';
import { asOdoError, OdoError } from '../../errors.ts';
import { httpStatus, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { type Mount, mountHolding } from '../client/mount.ts';
import type { SwitchedMount } from './override-file.ts';
import type { ComposeProject } from './project.ts';
import type { Service } from './service.ts';

/**
 * The mount of a service that the user means. It is named by compose's key of the volume, by its real name, or by the
 * host's path of a bind mount. Where a service mounts a volume twice, it is the mount that holds `data`, the data
 * directory. `serviceNotFound` when the service does not mount it.
 */
export function resolveVolume(
  project: ComposeProject,
  service: Service,
  wanted: string,
  data: string | undefined = service.env.PGDATA,
): Mount {
  const keyed = Object.hasOwn(project.volumes, wanted) ? project.volumes[wanted]?.name : undefined;
  const byKey = service.mounts.filter(
    (mount) => mount.type === 'volume' && mount.source !== '' && mount.source === keyed,
  );
  const byName = service.mounts.filter(
    (mount) => mount.type === 'volume' && mount.source !== '' && mount.source === wanted,
  );
  // A relative path may be meant as the shell reads it. It may also be copied from the compose file, where it is
  // relative to the first file's folder.
  const folders = ['.', ...project.files.slice(0, 1).map((file) => dirname(file))];
  const byPath = service.mounts.filter(
    (mount) => mount.type === 'bind' && isPath(wanted) && samePath(mount.source, wanted, folders),
  );
  // After a switch, the name in the compose file still means the service's data.
  const bySwitch = switchesOf(project, service.name).flatMap(({ destination, volume, instead }) => {
    const isMeant = wanted === volume || (instead !== undefined && [instead.key, instead.source].includes(wanted));
    const there = service.mounts.filter((mount) => mount.source !== '' && mount.destination === destination);
    return isMeant ? there.filter(({ source }) => source === volume || isKnown(project, service.name, source)) : [];
  });
  // The key comes first: the user reads it in the compose file.
  const matches = [byKey, byName, byPath, bySwitch].find((mounts) => mounts.length > 0) ?? [];
  const [first] = matches;
  if (first === undefined) {
    throw new OdoError('serviceNotFound', `service ${service.name} does not mount volume ${wanted}`, {
      hint: mountsHint(project, service),
    });
  }
  return (data && mountHolding(matches, data)?.mount) || first;
}

function switchesOf({ switches }: ComposeProject, service: string): SwitchedMount[] {
  return (switches?.switched ?? []).filter((one) => one.service === service);
}

/** Whether a service was on a volume or path before a switch, so that it may be on it again. */
function isKnown({ switches }: ComposeProject, service: string, source: string): boolean {
  const all = [...(switches?.switched ?? []), ...(switches?.earlier ?? []).flatMap(({ mounts }) => mounts)];
  return all.some((one) => one.service === service && [one.volume, one.instead?.source].includes(source));
}

/**
 * The override's mount, if the service's container has another one at that path. Then a plain `docker compose up` has
 * made the container, or a switch was killed in the middle. undefined when they agree, or there is no container.
 */
export function strayedFrom(project: ComposeProject, service: Service, mount: Mount): SwitchedMount | undefined {
  if (service.containers.length === 0) return undefined;
  const told = switchesOf(project, service.name).find(({ destination }) => destination === mount.destination);
  return told && told.volume !== mount.source ? told : undefined;
}

function isPath(text: string): boolean {
  return /^(\.|\/|~|[a-z]:[\\/])/i.test(text);
}

function samePath(source: string, wanted: string, folders: readonly string[]): boolean {
  return source === wanted || folders.some((folder) => resolve(source) === resolve(folder, wanted));
}

function mountsHint(project: ComposeProject, service: Service): string {
  const keys = new Map(Object.entries(project.volumes).map(([key, { name }]) => [name, key]));
  const mounted = service.mounts
    .filter((mount) => mount.type !== 'tmpfs' && mount.source !== '')
    .map((mount) => {
      const key = keys.get(mount.source);
      return `${mount.type === 'volume' && key ? key : mount.source} (at ${mount.destination})`;
    });
  return mounted.length > 0 ? `it mounts: ${mounted.join(', ')}` : 'it mounts no volume at all';
}

/**
 * Whether the engine has the volume. A missing volume would be made by its first mount, without compose's labels and
 * options.
 */
export async function volumeExists(engine: DockerEngine, name: string): Promise<boolean> {
  try {
    await engine.docker.getVolume(name).inspect();
    return true;
  } catch (error) {
    if (httpStatus(error) === 404) return false;
    throw translateDockerError(error, `look at volume ${name}`);
  }
}

/**
 * The mounts, with an anonymous volume in the place of each missing one. That volume tells how much room there is, and
 * goes with the container that mounts it.
 */
export function withStandIns(mounts: readonly Mount[], missing: readonly Mount[]): Mount[] {
  return mounts.map((mount) => {
    if (!missing.includes(mount)) return mount;
    const { subpath: _subpath, ...rest } = mount;
    return { ...rest, type: 'volume', source: '' };
  });
}

/**
 * Creates a volume as compose would, with the compose file's driver, options and labels, and as the project's own.
 * Gives its name. `serviceNotFound` for an external volume, which is not ours to create.
 */
export async function createVolume(engine: DockerEngine, project: ComposeProject, name: string): Promise<string> {
  const [key, declared] = Object.entries(project.volumes).find(([, volume]) => volume.name === name) ?? [];
  if (key === undefined || declared?.external) {
    throw new OdoError('serviceNotFound', `volume ${name} does not exist`, {
      hint: `create it: docker volume create ${name}`,
    });
  }
  const { driver, driverOptions, labels } = declared ?? {};
  const own = { 'com.docker.compose.project': project.name, 'com.docker.compose.volume': key };
  try {
    await engine.docker.createVolume({
      Name: name,
      Labels: { ...labels, ...own },
      ...(driver && { Driver: driver }),
      ...(driverOptions && { DriverOpts: driverOptions }),
    });
    return name;
  } catch (error) {
    throw translateDockerError(error, `create volume ${name}`, { refused: 'serviceNotFound' });
  }
}

/** Removes a volume. A volume that is gone already is no error. */
export async function removeVolume(engine: DockerEngine, name: string): Promise<void> {
  try {
    await engine.docker.getVolume(name).remove();
  } catch (error) {
    if (httpStatus(error) !== 404) throw translateDockerError(error, `remove volume ${name}`);
  }
}

/** Removes volumes as far as possible. Gives words for those that are left over. */
export async function removeVolumes(docker: DockerEngine, volumes: readonly string[]): Promise<string[]> {
  const troubles: string[] = [];
  for (const volume of volumes) {
    await removeVolume(docker, volume).catch((error: unknown) => {
      troubles.push(`volume ${volume} is left over (docker volume rm ${volume}): ${asOdoError(error).message}`);
    });
  }
  return troubles;
}
