import type { PositionalOptions } from 'yargs';
import type { Topic } from '../options/topics.ts';
import type { Command } from '../request/command.ts';

/** A command as the parser, the completions and the man page need it. */
export interface CommandEntry {
  name: string;
  /** Its positional arguments as yargs writes them: `<needed>`, `[optional]`. */
  positionals?: Readonly<Record<string, PositionalOptions & { demanded?: boolean }>>;
  /** One line; false for a command that only ODO itself uses. */
  describe: string | false;
  /** Of which topics it has the options. */
  topics: readonly Topic[];
  /** Options of other topics that it has, too. */
  also?: readonly string[];
  /** It is meant when no command is named. */
  isDefault?: boolean;
  /** What it is to do comes over its standard input: nothing else gives it settings. */
  isToldByHost?: boolean;
  run: Command;
}
