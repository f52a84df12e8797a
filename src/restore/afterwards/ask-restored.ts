import { resolveService } from '../../docker/compose/service.ts';
import { asOdoError } from '../../errors.ts';
import { checkRelationFiles } from '../database/check-relation-files.ts';
import { openServiceDatabase } from '../database/service-database.ts';
import type { RunContext } from '../outcome/run-context.ts';
import type { FoundService } from '../service/found-service.ts';
import { type OnlyCopy, wrongInstead } from '../volume/judge-old-data.ts';

/**
 * Asks a restored server that no restore has asked whether it is whole: the run was broken off before. Gives why the
 * old data has to stay, or notes on what could not be found out.
 */
export async function askRestored(
  { docker, project, service, data }: FoundService,
  { report, signal }: Pick<RunContext, 'report' | 'signal'>,
): Promise<{ onlyCopy?: OnlyCopy; notes: string[] }> {
  const { containers, env } = await resolveService(docker, project, service.name);
  const running = containers.find((container) => container.running);
  if (!running) return { notes: ['no server runs, so whether every relation has its files could not be asked'] };
  const address = { docker, containerId: running.id, dataDirectory: data.place.root, env };
  try {
    return { notes: await checkRelationFiles(openServiceDatabase(address, signal), report) };
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    if (error.code !== 'dataCorrupt') throw error;
    return { onlyCopy: { because: wrongInstead(error) }, notes: [] };
  }
}
