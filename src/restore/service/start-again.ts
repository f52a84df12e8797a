import { startContainer } from '../../docker/client/container.ts';
import { resolveService, type ServiceContainer } from '../../docker/compose/service.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { type Patience, patiently } from '../../progress/patiently.ts';
import { projectCommand } from '../outcome/compose-command.ts';
import type { FoundService } from './found-service.ts';

/**
 * Starts each of the containers that ODO had stopped, whatever becomes of the others. When compose has made one anew
 * meanwhile, the new one is started. Gives what could not be done, in words: an error must not hide why the restore has
 * failed.
 */
export async function startAgain(
  { docker, project, service }: Pick<FoundService, 'docker' | 'project' | 'service'>,
  containers: readonly ServiceContainer[],
  patience: Patience = {},
): Promise<string[]> {
  const { signal } = new AbortController();
  const troubles: string[] = [];
  for (const { id, name } of containers) {
    try {
      await patiently(() => startContainer(docker, id), signal, patience).catch(async (error: unknown) => {
        if (!(error instanceof OdoError) || error.code !== 'serviceNotFound') throw error;
        const now = (await resolveService(docker, project, service.name)).containers;
        if (now.length === 0) throw error;
        for (const other of now) await startContainer(docker, other.id);
      });
    } catch (error) {
      troubles.push(`container ${name} could not be started again: ${asOdoError(error).message}`);
    }
  }
  return troubles.length === 0
    ? []
    : [...troubles, `this starts the service: ${projectCommand(project, 'up', '-d', service.name)}`];
}
