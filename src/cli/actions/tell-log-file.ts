import type { CommandContext } from '../request/command.ts';

/** Tells where the log goes. Every command that changes something says this first. */
export function tellLogFile(what: string, { report, logFile }: Pick<CommandContext, 'report' | 'logFile'>): void {
  report({
    type: 'note',
    level: 'info',
    message: `if this terminal is lost, the ${what} goes on and logs to ${logFile}`,
  });
}
