import { removeContainer } from '../../docker/client/container.ts';
import { connectDocker, type DockerEngine } from '../../docker/client/engine.ts';
import { removeVolume } from '../../docker/compose/volume.ts';
import { type CopyServer, listCopyServers } from '../../docker/containers/copy-server.ts';
import { COPY_LABEL, type CopyVolume, listCopyVolumes } from '../../docker/containers/copy-volume.ts';
import { containersUsing } from '../../docker/containers/directory-users.ts';
import { OdoError } from '../../errors.ts';
import { isBeingRestored } from '../service/open-service-engine.ts';

/** A temporary server, or what is left of one. */
export interface TemporaryServer {
  name: string;
  /**
   * `restoring`: a command is laying it down, or sees it through its recovery. `unfinished`: its volume is there and no
   * server, since the command that made it was killed.
   */
  state: 'running' | 'stopped' | 'restoring' | 'unfinished';
  /** The port on 127.0.0.1, while the server runs. */
  port?: number;
  /** Compose's project and service, as `project/service`. */
  service: string;
  backupId: string;
  createdAt: string;
}

export interface TemporaryList {
  kind: 'temporary-list';
  servers: TemporaryServer[];
}

export interface TemporaryStopped {
  kind: 'temporary-stopped';
  name: string;
}

/** The temporary servers of the engine, oldest first. */
export async function listTemporary(signal: AbortSignal): Promise<TemporaryList> {
  return {
    kind: 'temporary-list',
    servers: (await find(await connectDocker(process.env, signal))).map(({ server }) => server),
  };
}

/**
 * Ends a temporary server, and removes its volumes: the server of this name, or the only one.
 * Errors: `usage` when it is not clear which one.
 */
export async function stopTemporary(name: string | undefined, signal: AbortSignal): Promise<TemporaryStopped> {
  const docker = await connectDocker(process.env, signal);
  const all = await find(docker);
  const names = all.map(({ server }) => server.name);
  if (name === undefined && all.length > 1) {
    throw new OdoError('usage', `there are ${all.length} temporary servers: ${names.join(', ')}`, {
      hint: 'name the one to stop',
    });
  }
  const chosen = name === undefined ? all[0] : all.find(({ server }) => server.name === name);
  if (!chosen) {
    throw new OdoError(
      'serviceNotFound',
      name === undefined ? 'there is no temporary server' : `there is no temporary server ${name}`,
      {
        hint: names.length > 0 ? `there are: ${names.join(', ')}` : 'odo temporary list shows those that are there',
      },
    );
  }
  if (chosen.server.state === 'restoring') {
    throw new OdoError('unsafeTarget', `temporary server ${chosen.server.name} is still being restored`, {
      hint: 'end the command that does so (Ctrl-C): it takes away what it has made',
    });
  }
  for (const { id } of chosen.containers) await removeContainer(docker, id);
  for (const volume of chosen.volumes) {
    const users = await containersUsing(docker, [{ type: 'volume', source: volume.name }]);
    if (users.length > 0)
      throw inUse(
        volume.name,
        users.map((user) => user.name),
      );
    await removeVolume(docker, volume.name);
  }
  return { kind: 'temporary-stopped', name: chosen.server.name };
}

function inUse(volume: string, users: string[]): OdoError {
  return new OdoError('unsafeTarget', `volume ${volume} is in use by ${users.join(', ')}`, { hint: 'end that first' });
}

interface Found {
  server: TemporaryServer;
  containers: CopyServer[];
  volumes: CopyVolume[];
}

async function find(docker: DockerEngine): Promise<Found[]> {
  const [servers, volumes] = await Promise.all([
    listCopyServers(docker, 'temporary'),
    listCopyVolumes(docker, 'temporary'),
  ]);
  const names = new Set([...servers.map(({ copy }) => copy), ...volumes.map(({ labels }) => labels[COPY_LABEL] ?? '')]);
  const all = await Promise.all(
    [...names].map(async (name) => {
      const containers = servers.filter(({ copy }) => copy === name);
      const own = volumes.filter(({ labels }) => labels[COPY_LABEL] === name);
      // The data volume has the name of the copy.
      const restoring = await isBeingRestored(docker, name);
      const { state, ...rest } = describe(name, containers[0], own[0]);
      return { server: { ...rest, state: restoring ? ('restoring' as const) : state }, containers, volumes: own };
    }),
  );
  return all.sort((a, b) => (a.server.createdAt < b.server.createdAt ? -1 : 1));
}

function describe(name: string, container: CopyServer | undefined, volume: CopyVolume | undefined): TemporaryServer {
  const labels = container?.labels ?? volume?.labels ?? {};
  return {
    name,
    state: container === undefined ? 'unfinished' : container.running ? 'running' : 'stopped',
    ...(container?.port === undefined ? {} : { port: container.port }),
    service: labels['odo.service'] ?? '',
    backupId: labels['odo.backup'] ?? '',
    createdAt: labels['odo.created'] ?? '',
  };
}
