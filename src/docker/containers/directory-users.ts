import { inspectIfThere } from '../client/container.ts';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { type Mount, mountsOfContainer } from '../client/mount.ts';
import { hostDirectory, meets, type VolumeFacts } from './host-directory.ts';
import { ROLE_LABEL } from './odo-containers.ts';

/** A running container that mounts the data. */
export interface DirectoryUser {
  id: string;
  name: string;
  image: string;
  /** Where the directory is mounted in the container. */
  destination: string;
  readOnly: boolean;
  /** The source of the mount that was asked about, and that the container's mount meets. */
  source: string;
}

/**
 * The running containers that mount one of these directories, under whichever name: the volume, another volume of the
 * same device, a path of the host. A mount of something below counts. A mount of a folder above counts only when it is
 * writable: monitoring tools mount the whole host read-only. Above the engine's own folder of a volume, it counts only
 * when a server runs in the container: tools that look after the engine mount that folder. ODO's own containers do not
 * count: locks keep those apart.
 */
export async function containersUsing(
  engine: DockerEngine,
  wanted: readonly Pick<Mount, 'type' | 'source' | 'subpath'>[],
): Promise<DirectoryUser[]> {
  try {
    const [list, { Volumes }] = await Promise.all([engine.docker.listContainers(), engine.docker.listVolumes()]);
    const volumes = new Map((Volumes ?? []).map((volume) => [volume.Name, volume as VolumeFacts]));
    const isHere = engine.host.startsWith('unix:');
    const locate = (mount: Mount) => hostDirectory(mount, volumes.get(mount.source), isHere);
    const directories = wanted.map((mount) => ({
      source: mount.source,
      at: locate({ ...mount, destination: '/', readOnly: false }),
    }));
    const infos = await Promise.all(list.map(({ Id }) => inspectIfThere(engine, Id)));
    const users = await Promise.all(
      infos.map(async (info) => {
        if (!info || info.Config.Labels?.[ROLE_LABEL] !== undefined) return [];
        for (const mount of mountsOfContainer(info)) {
          const theirs = locate(mount);
          for (const { source, at } of directories) {
            const how = meets(at, theirs);
            if (how === undefined || (how !== 'same' && mount.readOnly)) continue;
            if (how === 'managed' && !(await runsServer(engine, info.Id))) continue;
            const { destination, readOnly } = mount;
            const name = info.Name.replace(/^\//, '');
            return [{ id: info.Id, name, image: info.Config.Image, destination, readOnly, source }];
          }
        }
        return [];
      }),
    );
    return users.flat();
  } catch (error) {
    throw translateDockerError(error, `list the containers that use ${wanted.map(({ source }) => source).join(', ')}`);
  }
}

/** Whether a server of PostgreSQL is among the processes of a container. */
async function runsServer(engine: DockerEngine, id: string): Promise<boolean> {
  try {
    const { Processes } = (await engine.docker.getContainer(id).top()) as { Processes?: string[][] | null };
    return (Processes ?? []).some((process) => process.some((cell) => /\b(postgres|postmaster)\b/.test(cell)));
  } catch {
    // The container has ended meanwhile.
    return false;
  }
}
