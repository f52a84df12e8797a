import type { DockerEngine } from '../client/engine.ts';
import { runCompose } from './compose.ts';
import { composeFlags } from './compose-call.ts';
import type { ComposeProject } from './project.ts';

type Make = (engine: DockerEngine, project: ComposeProject, service: string, signal: AbortSignal) => Promise<void>;

/**
 * Lets compose create the container of a service that has none yet, without starting it. Its network and volumes get
 * compose's own labels. `serviceNotFound` when compose cannot.
 */
export const createService: Make = up(['--no-start', '--no-deps', '--no-recreate'], 'create', 'serviceNotFound');

/**
 * Lets compose start a service, making its container anew where the files say something else than the container is.
 * `recoveryFailed` when compose cannot.
 */
export const recreateService: Make = up(['--detach', '--no-deps'], 'start', 'recoveryFailed');

/**
 * Lets compose start a service. A service that already has a container is better started by startContainer(), which
 * asks no compose file. `recoveryFailed` when compose cannot.
 */
export const startService: Make = up(['--detach', '--no-deps', '--no-recreate'], 'start', 'recoveryFailed');

/** `docker compose up` of one service, for the project as it was read, whatever its name would be otherwise. */
function up(flags: readonly string[], verb: string, failure: 'serviceNotFound' | 'recoveryFailed'): Make {
  return async (engine, { files, name, call }, service, signal) => {
    const project = composeFlags({ ...call, files, projectName: name });
    const args = [...project, 'up', ...flags, service];
    await runCompose(engine, args, { what: `${verb} service ${service}`, failure, signal });
  };
}
