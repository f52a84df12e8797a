import type { PositionalOptions } from 'yargs';
import type { Topic } from '../options/topics.ts';
import type { Command } from '../request/command.ts';

/** A command as the parser, the completions and the man page need it. */
export interface CommandEntry {
  name: string;
  /** Positional arguments by name. `demanded`: the argument has to be given. */
  positionals?: Readonly<Record<string, PositionalOptions & { demanded?: boolean }>>;
  /** One line; false for a command that only ODO itself uses. */
  describe: string | false;
  /** The topics whose options the command has. */
  topics: readonly Topic[];
  /** Further options, of other topics. */
  also?: readonly string[];
  /** The command is meant when no command is named. */
  isDefault?: boolean;
  /** The command's task comes over its standard input: nothing else gives it settings. */
  isToldByHost?: boolean;
  run: Command;
}
