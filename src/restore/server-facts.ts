import { listServerLibraries } from '../docker/server-libraries.ts';
import { commandLineSettings } from '../postgres/recovery-settings.ts';
import type { ServerFacts } from '../postgres/unfit-settings.ts';
import type { FoundService } from './prove-service.ts';

/** What the service's server is, as far as it decides which settings of a backup fit it. */
export async function findServerFacts({ docker, service }: FoundService, signal: AbortSignal): Promise<ServerFacts> {
  const answering = service.containers.find((container) => container.answers);
  const libraries = await listServerLibraries(docker, service.imageId ?? service.imageRef, answering?.id, signal);
  return {
    ...(libraries === undefined ? {} : { libraries }),
    mounts: service.mounts.map(({ destination }) => destination),
    commandLine: Object.fromEntries(commandLineSettings(service.commandArgs)),
  };
}
