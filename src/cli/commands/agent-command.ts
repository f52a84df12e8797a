import { later } from '../request/command.ts';
import type { CommandEntry } from './command-entry.ts';

/** The command that the restore container runs. */
export const agent: CommandEntry = {
  name: 'agent',
  describe: false,
  topics: [],
  isToldByHost: true,
  run: later(async () => (await import('../actions/agent.ts')).agent),
};
