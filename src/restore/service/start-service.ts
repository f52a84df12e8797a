import { containerState, startContainer } from '../../docker/client/container.ts';
import { startService } from '../../docker/compose/make-service.ts';
import { resolveService } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import type { FoundService } from './found-service.ts';

/**
 * Starts a service's containers as they are now, or lets compose make one. Containers that run already are left alone.
 * Gives the container that holds the server. The containers that the proofs saw may be gone, since compose may have
 * made them anew.
 */
export async function startContainers(
  { docker, project, service }: FoundService,
  signal: AbortSignal,
): Promise<string> {
  const { containers } = await resolveService(docker, project, service.name);
  for (const { id } of containers) {
    if (!(await containerState(docker, id)).running) await startContainer(docker, id);
  }
  if (containers.length === 0) await startService(docker, project, service.name, signal);
  const [first] = (await resolveService(docker, project, service.name)).containers;
  if (!first) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return first.id;
}
