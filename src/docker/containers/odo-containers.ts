import { removeContainer } from '../client/container.ts';
import { httpStatus, translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';

/** Label that tells ODO's containers from those of services. Its value is the container's purpose. */
export const ROLE_LABEL = 'odo.role';

/** Label with the words for the holder of a container, for others that want the same volume. */
export const HOLDER_LABEL = 'odo.holder';

/** How long a container may take from its creation to its start. */
const STARTING_MS = 30_000;

/** A container that was made this long ago will not be started by anybody any more. */
const NEVER_STARTED_MS = 600_000;

/** The purpose of the running container of that name. undefined when there is none, or it is none of ODO's. */
export async function roleOfContainer(engine: DockerEngine, name: string): Promise<string | undefined> {
  try {
    const { State, Config } = await engine.docker.getContainer(name).inspect();
    return State.Running ? Config.Labels[ROLE_LABEL] : undefined;
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateDockerError(error, `look at container ${name}`);
  }
}

/** Removes a container of that name that does not run. An engine that went down has left it, and its holder is gone. */
export async function removeLeftover(engine: DockerEngine, name: string): Promise<boolean> {
  try {
    const { Id, State, Config, Created } = await engine.docker.getContainer(name).inspect();
    const isStarting = State.Status === 'created' && Date.now() - Date.parse(Created) < STARTING_MS;
    if (State.Running || isStarting || Config.Labels[ROLE_LABEL] === undefined) return false;
    await removeContainer(engine, Id);
    return true;
  } catch (error) {
    return httpStatus(error) === 404;
  }
}

/**
 * Removes ODO's containers, whatever their purpose, that were made and never started. A command that was killed between
 * the two leaves one, and only a container that has run goes by itself.
 */
export async function removeNeverStarted(engine: DockerEngine): Promise<void> {
  const filters = { label: [ROLE_LABEL], status: ['created'] };
  const made = await engine.docker.listContainers({ all: true, filters }).catch(() => []);
  // If one of them cannot be removed, that does not matter to this command.
  for (const { Id, Created } of made)
    if (Date.now() - Created * 1000 > NEVER_STARTED_MS) await removeContainer(engine, Id, 0).catch(() => {});
}

/** Words for the holder of the container of that name. */
export async function holderOf(engine: DockerEngine, name: string): Promise<string> {
  try {
    const { Config, Created } = await engine.docker.getContainer(name).inspect();
    return Config.Labels[HOLDER_LABEL] ?? `container ${name}, created ${Created}`;
  } catch {
    return `container ${name}`;
  }
}
