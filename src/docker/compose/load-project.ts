import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OdoError } from '../../errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { runCompose } from './compose.ts';
import { type ComposeCall, composeFlags } from './compose-call.ts';
import { overrideFileOf, readOverride } from './override-file.ts';
import { parseProject } from './parse-project.ts';
import type { ComposeProject } from './project.ts';

/**
 * Reads the project of these compose files through `docker compose config`. `serviceNotFound` for a file that is not
 * there, or that compose does not accept. An override file that ODO has written beside the first one is read along.
 * Services of profiles that are not active are part of the project.
 */
export async function loadProject(
  engine: DockerEngine,
  asked: ComposeCall,
  signal: AbortSignal,
): Promise<ComposeProject> {
  const files = await mustBeThere(asked.files, 'compose file', "give the service's compose file with -f");
  const envFiles = await mustBeThere(
    asked.envFiles ?? [],
    'env file',
    'give the file with the variables with --env-file',
  );
  const { projectName, projectDirectory } = asked;
  const call = {
    ...(projectName === undefined ? {} : { projectName }),
    ...(projectDirectory === undefined ? {} : { projectDirectory: resolve(projectDirectory) }),
    ...(envFiles.length === 0 ? {} : { envFiles }),
  };
  const switches = await readOverride(files);
  const override = overrideFileOf(files);
  if (switches && switches.switched.length > 0 && !files.includes(override)) files.push(override);
  const warnings: string[] = [];
  const output = await runCompose(
    engine,
    [...composeFlags({ ...call, files }), '--profile', '*', 'config', '--format', 'json'],
    {
      what: `read the compose project of ${files.join(', ')}`,
      failure: 'serviceNotFound',
      onWarning: (words) => warnings.push(words),
      signal,
    },
  );
  return {
    ...parseProject(output, files),
    call,
    ...(warnings.length > 0 && { warnings }),
    ...(switches && { switches }),
  };
}

/** Checks that the files can be read. Gives their absolute paths. */
async function mustBeThere(names: readonly string[], what: string, hint: string): Promise<string[]> {
  const files = names.map((name) => resolve(name));
  for (const [index, file] of files.entries()) {
    try {
      await access(file);
    } catch (cause) {
      const known = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
      throw new OdoError('serviceNotFound', `${what} ${names[index]} ${known}`, {
        hint: `${hint}; looked at ${file}`,
        cause,
      });
    }
  }
  return files;
}
