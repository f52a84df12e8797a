import { inspectIfThere } from '../../docker/client/container.ts';
import type { Mount } from '../../docker/client/mount.ts';
import { resolveService } from '../../docker/compose/service.ts';
import { containersUsing } from '../../docker/containers/directory-users.ts';
import { OdoError } from '../../errors.ts';
import { hostServerOn } from '../../tree/exchange/host-servers.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Proofs } from '../contract/proofs.ts';
import { projectCommand } from '../outcome/compose-command.ts';
import type { FoundService } from './found-service.ts';

// Two servers on one data directory ruin it, and so does an exchange under a server. Names deceive: one directory may
// be a volume, another volume's device and a path of the host, and a server need not run in a container.

/**
 * Proves that nobody but the service itself has a server on these mounts: its data, and its tablespaces if they are
 * known.
 */
export async function proveNobodyElse(found: FoundService, mounts: readonly Mount[], proofs: Proofs): Promise<void> {
  await proofs.attempt('nobody else', async () => {
    await refuseOtherContainers(found, mounts);
    const names = mounts.map(({ source }) => source).join(', ');
    return { evidence: `no other running container writes to ${names}, under whichever name` };
  });
}

/**
 * Checks anew, since hours may have passed, that nobody else uses these mounts. The probe of the data directory tells
 * of servers outside of Docker.
 */
export async function refuseOthersNow(
  found: FoundService,
  mounts: readonly Mount[],
  pgdata: PlaceProbe,
): Promise<void> {
  const { docker, project, service } = found;
  const now = { ...found, service: await resolveService(docker, project, service.name) };
  await refuseOtherContainers(now, mounts);
  await refuseHostServer(now, pgdata);
}

/**
 * Refuses other containers that can write to the directories.
 * Errors: `unsafeTarget` names them, or the containers of the service that share the directories.
 */
export async function refuseOtherContainers(
  { docker, service, project }: FoundService,
  mounts: readonly Mount[],
): Promise<void> {
  const own = new Set(service.containers.map(({ id }) => id));
  refuseReplicas(service, project);
  const others = (await containersUsing(docker, mounts)).filter(({ id, readOnly }) => !own.has(id) && !readOnly);
  if (others.length === 0) return;
  const sources = [...new Set(others.map(({ source }) => source))].join(', ');
  const words = others.map(({ name, image, destination }) => `${name} (${image}, at ${destination})`);
  throw new OdoError('unsafeTarget', `other containers use ${sources}: ${words.join(', ')}`, {
    hint: `stop them first: docker stop ${others.map(({ name }) => name).join(' ')}`,
  });
}

/** Refuses a service with several containers: each would start a server on the same files. */
function refuseReplicas({ name, containers }: FoundService['service'], project: FoundService['project']): void {
  const { replicas = 1 } = project.services[name] ?? {};
  if (containers.length <= 1 && (containers.length > 0 || replicas <= 1)) return;
  const those = containers.length > 1 ? `has ${containers.length} containers` : `is to have ${replicas} containers`;
  const named = containers.map((container) => container.name).join(', ');
  throw new OdoError(
    'unsafeTarget',
    `service ${name} ${those}${named ? ` (${named})` : ''}, and all share one data directory`,
    {
      hint:
        'only one server may run on it: ' +
        `${projectCommand(project, 'up', '-d', '--no-recreate', '--scale', `${name}=1`, name)}`,
    },
  );
}

/** Refuses a server that no container of this engine holds: one of the machine itself, or of another engine. */
export async function refuseHostServer({ docker, service }: FoundService, pgdata: PlaceProbe): Promise<void> {
  // When the engine is elsewhere, the processes of this machine say nothing.
  if (!docker.host.startsWith('unix:')) return;
  const infos = await Promise.all(service.containers.map(({ id }) => inspectIfThere(docker, id)));
  const server = hostServerOn(
    pgdata,
    infos.flatMap((info) => info?.State.Pid || []),
  );
  if (server === undefined) return;
  throw new OdoError('unsafeTarget', `a server that is not the service's own runs on the data directory: ${server}`, {
    hint: 'stop it first',
  });
}
