import type { Report } from '../../events.ts';
import type { Arguments } from '../options/argument-values.ts';
import type { Result } from '../render/render.ts';
import type { SettingInForce } from '../settings/settings.ts';

/** The surroundings that a command gets from main.ts. */
export interface CommandContext {
  env: NodeJS.ProcessEnv;
  /** The settings in force, and where they come from. */
  settings: readonly SettingInForce[];
  report: Report;
  signal: AbortSignal;
  /** Shows the result. A command may show one and fail all the same. */
  show(result: Result): void;
  /** Where output goes when the terminal is lost. */
  logFile: string;
}

/** Carries out one command. */
export type Command = (args: Arguments, context: CommandContext) => Promise<void>;

/** A command whose program is loaded when it runs. Another command, or --help, need not wait for that. */
export function later(load: () => Promise<Command>): Command {
  return async (args, context) => (await load())(args, context);
}
