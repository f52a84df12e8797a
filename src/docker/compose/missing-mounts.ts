import { OdoError } from '../../errors.ts';
import { removeContainer } from '../client/container.ts';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import type { Mount } from '../client/mount.ts';
import { ROLE_LABEL } from '../containers/odo-containers.ts';
import type { ComposeProject } from './project.ts';
import { createVolume, volumeExists } from './volume.ts';

/** The mounts whose volume does not exist yet. Paths of the host count as existing until the engine says otherwise. */
export async function missingVolumes(engine: DockerEngine, mounts: readonly Mount[]): Promise<Mount[]> {
  const isThere = await Promise.all(
    mounts.map(({ type, source }) => type !== 'volume' || source === '' || volumeExists(engine, source)),
  );
  return mounts.filter((_mount, index) => !isThere[index]);
}

/**
 * The mount of a path of the host that the engine has just found missing. undefined when its refusal is about something
 * else.
 */
export function missingPath(error: OdoError, mounts: readonly Mount[]): Mount | undefined {
  const [, path] = /bind source path does not exist: (\S.*?)"?\s*$/m.exec(error.message) ?? [];
  return path === undefined ? undefined : mounts.find(({ type, source }) => type === 'bind' && source === path);
}

/**
 * Makes the missing source of a mount, as compose would: a volume with the driver, options and labels of the compose
 * file, or a path of the host, which the engine makes. Gives the volume's name. A path is not taken away again, since
 * its parents may have been there.
 * @param image to run a program of for a moment
 */
export async function makeMissing(
  engine: DockerEngine,
  project: ComposeProject,
  { type, source, subpath }: Mount,
  image: string,
): Promise<string | undefined> {
  if (type === 'volume') {
    const name = await createVolume(engine, project, source);
    if (subpath !== undefined) await makeFolder(engine, image, source, ['mkdir', '-p', `/volume/${subpath}`]);
    return name;
  }
  if (type === 'bind') await makeFolder(engine, image, source, ['true']);
  return undefined;
}

/** Makes a folder by the older way of naming a mount: with it, the engine makes a missing source. */
async function makeFolder(engine: DockerEngine, image: string, source: string, command: string[]): Promise<void> {
  try {
    const container = await engine.docker.createContainer({
      Image: image,
      Entrypoint: command,
      Cmd: [],
      Labels: { [ROLE_LABEL]: 'probe' },
      HostConfig: { NetworkMode: 'none', Binds: [`${source}:/volume`] },
    });
    try {
      await container.start();
      const { StatusCode } = (await container.wait()) as { StatusCode: number };
      if (StatusCode !== 0)
        throw new OdoError('serviceNotFound', `${command.join(' ')} in ${source} ended with status ${StatusCode}`);
    } finally {
      await removeContainer(engine, container.id);
    }
  } catch (error) {
    if (error instanceof OdoError) throw error;
    throw translateDockerError(error, `make ${source}`, { notFound: 'versionMismatch', refused: 'serviceNotFound' });
  }
}
