import { removeContainer } from '../../docker/client/container.ts';
import type { DockerEngine } from '../../docker/client/engine.ts';
import { removeVolume } from '../../docker/compose/volume.ts';
import { listCopyServers } from '../../docker/containers/copy-server.ts';
import { listCopyVolumes } from '../../docker/containers/copy-volume.ts';

/**
 * What a killed run to a new volume has left: the server of its trial, and volumes that ODO has made under that name.
 */
export interface LeftCopy {
  /** Ids of containers. */
  servers: string[];
  volumes: string[];
}

export async function findLeftCopy(docker: DockerEngine, name: string): Promise<LeftCopy> {
  const [servers, volumes] = await Promise.all([
    listCopyServers(docker, 'new-volume'),
    listCopyVolumes(docker, 'new-volume', name),
  ]);
  return {
    servers: servers.filter(({ copy }) => copy === name).map(({ id }) => id),
    volumes: volumes.map((volume) => volume.name),
  };
}

/**
 * Removes what is left. Nobody may be at work on it: whoever makes a copy has a container of the volume's name, as long
 * as it lives.
 */
export async function removeLeftCopy(docker: DockerEngine, { servers, volumes }: LeftCopy): Promise<void> {
  for (const id of servers) await removeContainer(docker, id);
  for (const name of volumes) await removeVolume(docker, name);
}
