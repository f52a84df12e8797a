import { type ComposeCall, composeFlags } from '../../docker/compose/compose-call.ts';
import type { ComposeProject } from '../../docker/compose/project.ts';
import type { ServiceRef } from '../contract/request.ts';
import { shellWord } from './odo-command.ts';

/** How compose is called for the project that a service was named in, as it was given. */
export function composeCallOf({ composeFiles, projectName, projectDirectory, envFiles }: ServiceRef): ComposeCall {
  return { files: composeFiles, projectName, projectDirectory, envFiles };
}

/** A call of compose for a person to type, with all that it needs to see the same project as ODO. */
export function composeCommand(call: ComposeCall, ...words: readonly string[]): string {
  return ['docker', 'compose', ...composeFlags(call), ...words].map(shellWord).join(' ');
}

/** A call of compose for a project that was read, with ODO's override file if there is one. */
export function projectCommand(
  { files, call }: Pick<ComposeProject, 'files' | 'call'>,
  ...words: readonly string[]
): string {
  return composeCommand({ ...call, files }, ...words);
}
