import os from 'node:os';
import type { DockerEngine } from '../../docker/client/engine.ts';
import type { Mount } from '../../docker/client/mount.ts';
import { networkFor } from '../../docker/client/network.ts';
import type { RestoreMount } from '../../docker/containers/create-container.ts';
import { HOLDER_LABEL, ROLE_LABEL, roleOfContainer } from '../../docker/containers/odo-containers.ts';
import { openRestoreContainer } from '../../docker/containers/restore-container.ts';
import { OdoError } from '../../errors.ts';
import { addressesOf, localStore, type StoreConfig } from '../../store/kinds/open.ts';
import type { Engine } from '../contract/engine.ts';
import type { ServiceRef } from '../contract/request.ts';
import { openRemoteEngine } from '../engine/remote-engine.ts';
import type { FoundService } from './found-service.ts';

/**
 * What a container works for.
 * - restore: it changes the volume.
 * - follow: it brings a standby its WAL, for as long as the server is a standby.
 * - status: it only looks, and takes no lock.
 */
export type Role = 'restore' | 'follow' | 'status';

/**
 * Runs the restore image over a service's volumes, mounted where the service mounts them. The container's name is made
 * from the volume's, and the engine has each name once. That keeps two runs off the same volume, and ends with the
 * container.
 */
export async function openServiceEngine(
  found: FoundService,
  mounts: readonly Mount[],
  request: { serviceRef: ServiceRef; store?: StoreConfig },
  context: { version: string },
  role: Role = 'restore',
): Promise<Engine> {
  const { image, network } = request.serviceRef;
  const container = await openRestoreContainer(
    found.docker,
    {
      image,
      cmd: ['agent'],
      mounts: [...mounts.map(toRestoreMount), ...(request.store ? repositoryMounts(request.store) : [])],
      // A container that only works on the volume needs no network, so no trouble of the network can be in its way.
      network: request.store ? networkFor(addressesOf(request.store), network) : 'none',
      name: nameFor(found.data.mount.source, role),
      labels: {
        [ROLE_LABEL]: role,
        [HOLDER_LABEL]:
          `${role === 'follow' ? 'odo follow, ' : ''}process ${process.pid} on ${os.hostname()} since ` +
          `${new Date().toISOString()}`,
      },
    },
    // Cancelling is told to the engine in words, so that it can leave things tidy; the container is not shot.
    new AbortController().signal,
  );
  return openRemoteEngine(container, image, context.version);
}

/** A repository in a directory of this machine is seen at the same path, and cannot be written to. */
function repositoryMounts(store: StoreConfig): RestoreMount[] {
  const folder = localStore(store)?.folder;
  return folder === undefined ? [] : [{ type: 'bind', source: folder, destination: folder, readOnly: true }];
}

/** Whether an `odo follow` works on the service's volume now. */
export async function isFollowed({ docker, data }: FoundService): Promise<boolean> {
  return (await roleOfContainer(docker, nameFor(data.mount.source, 'follow'))) === 'follow';
}

/** Whether a restore to a volume is under way at this moment. */
export async function isBeingRestored(docker: DockerEngine, volume: string): Promise<boolean> {
  return (await roleOfContainer(docker, nameFor(volume, 'restore'))) === 'restore';
}

/**
 * A look at the status takes no lock, so its container's name is its own. All others have one name, so that they keep
 * each other off.
 */
function nameFor(source: string, role: Role): string {
  const volume = source.replace(/[^a-zA-Z0-9_.-]+/g, '-');
  return role === 'status' ? `odo-status-${volume}-${process.pid}` : `odo-restore-${volume}`;
}

function toRestoreMount(mount: Mount): RestoreMount {
  if (mount.type === 'tmpfs')
    throw new OdoError('serviceNotFound', `${mount.destination} is a tmpfs, which no data outlives`);
  const { type, source, destination, readOnly, subpath } = mount;
  return { type, source, destination, readOnly, ...(subpath === undefined ? {} : { subpath }) };
}
