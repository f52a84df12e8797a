import { VERSION } from '../settings/version.ts';
import { agent } from './agent-command.ts';
import type { Parsed } from './parse.ts';

/**
 * Command lines that need no parser, no settings and no help: `odo --version`, and the command of the restore
 * container, which is told everything over its standard input. Each start of such a container is waited for. undefined
 * for all other command lines.
 */
export function parseAtOnce(argv: readonly string[]): Parsed | undefined {
  const [word] = argv;
  if (argv.length !== 1) return undefined;
  if (word === '--version') return { print: VERSION };
  return word === agent.name ? { command: agent.name, run: agent.run, args: {}, settings: [] } : undefined;
}
