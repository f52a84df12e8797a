import type { DockerEngine } from '../client/engine.ts';
import { runCompose } from './compose.ts';
import { composeFlags } from './compose-call.ts';
import type { ComposeProject } from './project.ts';

/**
 * Lets compose create the container of a service that has none yet, without starting it. Its network and volumes get
 * compose's own labels.
 */
export async function createService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--no-start', '--no-deps', '--no-recreate', service];
  await runCompose(engine, args, { what: `create service ${service}`, failure: 'serviceNotFound', signal });
}

/** Lets compose start a service, making its container anew where the files say something else than the container is. */
export async function recreateService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--detach', '--no-deps', service];
  await runCompose(engine, args, { what: `start service ${service}`, failure: 'recoveryFailed', signal });
}

/**
 * Lets compose start a service. A service that already has a container is better started by startContainer(), which
 * asks no compose file.
 */
export async function startService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--detach', '--no-deps', '--no-recreate', service];
  await runCompose(engine, args, { what: `start service ${service}`, failure: 'recoveryFailed', signal });
}

/** The flags for the project as it was read, whatever its name would be otherwise. */
function projectFlags({ files, name, call }: ComposeProject): string[] {
  return composeFlags({ ...call, files, projectName: name });
}
