import type { CommandContext } from '../request/command.ts';

/** Said first by every command that changes something. */
export function tellLogFile(what: string, { report, logFile }: Pick<CommandContext, 'report' | 'logFile'>): void {
  report({
    type: 'note',
    level: 'info',
    message: `if this terminal is lost, the ${what} goes on and logs to ${logFile}`,
  });
}
