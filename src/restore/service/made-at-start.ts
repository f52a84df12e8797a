import { isInContainer } from '../../docker/client/container-path.ts';
import { mountHolding } from '../../docker/client/mount.ts';
import type { FoundService } from './found-service.ts';
import { isBelow } from './service-places.ts';

/**
 * Says why a path that neither the image nor the mounts have may still be there when the service starts. Gives
 * undefined when nothing speaks for it.
 */
export type MadeAtStart = (path: string) => Promise<string | undefined>;

/**
 * Looks for what only the start makes: files that compose puts into each new container, places in memory, and files of
 * an entry point. The last are seen in the service's own container, where they stay when it is stopped. Before that
 * container has ever run, a start script of the compose file's may make anything.
 */
export function madeAtStartOf({ docker, service }: Pick<FoundService, 'docker' | 'service'>): MadeAtStart {
  const hasRun = service.containers.find(({ neverStarted }) => !neverStarted);
  return async (path) => {
    if (service.injectedFiles?.some((file) => file === path || isBelow(file, path))) {
      return 'compose puts it there when it makes the container';
    }
    if (mountHolding(service.mounts, path)?.mount.type === 'tmpfs')
      return 'its place is in memory, and empty until the start';
    if (hasRun) {
      return (await isInContainer(docker, hasRun, path))
        ? "the service's container has it, and its image does not"
        : undefined;
    }
    return service.startsByScript ? 'the service starts by a script of its own, which may make it' : undefined;
  };
}
