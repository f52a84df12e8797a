import os from 'node:os';
import type { Mount } from '../docker/mount.ts';
import { networkFor } from '../docker/network.ts';
import { HOLDER_LABEL, openRestoreContainer, type RestoreMount } from '../docker/restore-container.ts';
import { OdoError } from '../errors.ts';
import { addressesOf, localStore, type StoreConfig } from '../store/open.ts';
import type { Engine } from './engine.ts';
import type { FoundService } from './prove-service.ts';
import { openRemoteEngine } from './remote-engine.ts';
import type { ServiceTarget } from './request.ts';

/**
 * Runs the restore image over a service's volumes, mounted where the service mounts them. The container's name is made from the
 * volume's, and the engine has each name once: that keeps two runs off the same volume, and ends with the container.
 */
export async function openServiceEngine(
  found: FoundService,
  mounts: readonly Mount[],
  request: { target: ServiceTarget; store?: StoreConfig },
  context: { version: string },
  role: 'restore' | 'status' = 'restore',
): Promise<Engine> {
  const { image, network } = request.target;
  const container = await openRestoreContainer(
    found.docker,
    {
      image,
      cmd: ['agent'],
      mounts: [...mounts.map(toRestoreMount), ...(request.store ? repositoryMounts(request.store) : [])],
      // What only works on the volume needs no network, so that no trouble of the network can be in its way.
      network: request.store ? networkFor(addressesOf(request.store), network) : 'none',
      name: nameFor(found.data.mount.source, role),
      labels: { [HOLDER_LABEL]: `process ${process.pid} on ${os.hostname()} since ${new Date().toISOString()}` },
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

/** A look at the status takes no lock, so its container's name is its own. */
function nameFor(source: string, role: 'restore' | 'status'): string {
  const name = `odo-${role}-${source.replace(/[^a-zA-Z0-9_.-]+/g, '-')}`;
  return role === 'status' ? `${name}-${process.pid}` : name;
}

function toRestoreMount(mount: Mount): RestoreMount {
  if (mount.type === 'tmpfs') throw new OdoError('serviceNotFound', `${mount.destination} is a tmpfs, which no data outlives`);
  const { type, source, destination, subpath } = mount;
  return { type, source, destination, ...(subpath === undefined ? {} : { subpath }) };
}
