import { listServerLibraries } from '../../docker/containers/server-libraries.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import type { FoundService } from './found-service.ts';

/** Facts of the service's server that decide which settings of a backup fit it. */
export async function findServerFacts(
  { docker, service }: Pick<FoundService, 'docker' | 'service'>,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const answering = service.containers.find((container) => container.answers);
  const libraries = await listServerLibraries(docker, service.imageId ?? service.imageRef, answering?.id, signal);
  const memoryBytes = await memoryOf({ docker, service });
  return {
    ...(libraries === undefined ? {} : { libraries }),
    mounts: service.mounts.map(({ destination }) => destination),
    commandLine: Object.fromEntries(commandLineSettings(service.commandArgs)),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    // On the host's network it may listen on whatever the host has.
    ...(service.networkMode === 'host' ? {} : { addresses: [service.name, ...(service.addresses ?? [])] }),
    ...(service.env.PGPORT ? { port: service.env.PGPORT } : {}),
  };
}

/** The limit of the service's container, or else what the engine's host has. */
async function memoryOf({ docker, service }: Pick<FoundService, 'docker' | 'service'>): Promise<number | undefined> {
  const limit = service.limits?.Memory ?? 0;
  if (limit > 0) return limit;
  const info = (await docker.docker.info().catch(() => undefined)) as { MemTotal?: number } | undefined;
  return info?.MemTotal || undefined;
}
