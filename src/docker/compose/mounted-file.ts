import { statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import type { Mount } from '../client/mount.ts';
import type { Service } from './service.ts';

/** The bit for a directory in a file's mode, as the engine tells it. */
const IS_DIRECTORY = 0x8000_0000;

/**
 * Whether a single file is mounted. This machine tells it when it is the engine's host and may look there. Otherwise
 * the engine tells it of a container. undefined when nobody knows. The engine is asked last, since its look at a
 * container that was never started leaves an empty file where the mount will be.
 */
export async function isMountedFile(
  engine: DockerEngine,
  service: Service,
  mount: Mount,
): Promise<boolean | undefined> {
  const here = engine.host.startsWith('unix:') ? statSync(mount.source, { throwIfNoEntry: false }) : undefined;
  if (here) return here.isFile();
  const [container] = service.containers;
  if (!container) return undefined;
  try {
    const path = { path: mount.destination };
    const answer = (await engine.docker.getContainer(container.id).infoArchive(path)) as unknown as IncomingMessage;
    answer.resume?.();
    const stat = Buffer.from(String(answer.headers['x-docker-container-path-stat'] ?? ''), 'base64').toString('utf8');
    return (Number((JSON.parse(stat) as { mode: number }).mode) & IS_DIRECTORY) === 0;
  } catch (error) {
    throw translateDockerError(error, `look at ${mount.destination} in container ${container.name}`, {
      notFound: 'serviceNotFound',
    });
  }
}
