import type { ComposeProject } from '../compose-project.ts';
import { mustRun } from '../run.ts';

/** Gives the name of the project's only temporary server, which is known when it is there. */
export function temporaryOf(project: ComposeProject): () => Promise<string> {
  const filters = ['--filter', `label=odo.service=${project.name}/db`, '--filter', 'label=odo.copy.kind=temporary'];
  return () => mustRun('docker', ['ps', ...filters, '--format', '{{.Names}}']);
}
