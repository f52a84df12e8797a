import type { IncomingMessage } from 'node:http';
import { translateDockerError } from './docker-errors.ts';
import type { DockerEngine } from './engine.ts';

/**
 * Whether a container, running or not, has something at an absolute path: from its image, from its mounts, or made
 * there since.
 */
export async function isInContainer(
  engine: DockerEngine,
  container: { id: string; name: string },
  path: string,
): Promise<boolean> {
  try {
    const answer = (await engine.docker.getContainer(container.id).infoArchive({ path })) as unknown as IncomingMessage;
    answer.resume?.();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw translateDockerError(error, `look at ${path} in container ${container.name}`);
  }
}
