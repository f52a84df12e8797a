import yargs, { type Options } from 'yargs';
import { EXIT, OdoError } from '../../errors.ts';
import type { Arguments } from '../options/argument-values.ts';
import { nearest } from '../options/near.ts';
import { ALL_OPTIONS, optionsOf } from '../options/topics.ts';
import type { Command } from '../request/command.ts';
import { type SettingInForce, type Surroundings, settle, toArguments } from '../settings/settings.ts';
import { VERSION } from '../settings/version.ts';
import type { CommandEntry } from './command-entry.ts';
import { COMMANDS, usageOf } from './command-table.ts';
import { EXAMPLES } from './examples.ts';

/** Words that ask for help: `odo help`, --help, and -h, which may stand among other letters. */
const ASKS_FOR_HELP = /^(help|--help(=.*)?|-[^-]*h.*)$/;

/** A command line that was understood: what to run, or (for --help and --version) the text to print. */
export type Parsed =
  | { command: string; run: Command; args: Arguments; settings: readonly SettingInForce[] }
  | { print: string };

/**
 * Parses a command line, together with the environment, the config file and `.env` of the working directory. `usage`
 * for anything wrong in them.
 */
export async function parseCommandLine(
  argv: readonly string[],
  surroundings: Surroundings = { env: process.env, directory: process.cwd() },
): Promise<Parsed> {
  let chosen: CommandEntry | undefined;
  let printed = '';
  const wantsHelp = argv.some((word) => ASKS_FOR_HELP.test(word));
  const codes = Object.values(EXIT).map(({ exitCode, meaning }) => `  ${String(exitCode).padStart(3)}  ${meaning}`);

  const parser = yargs([...argv])
    .scriptName('odo')
    .usage(
      '$0 [restore] [options]\n\nGets a PostgreSQL backup out of object storage and back into a Docker ' +
        'Compose service.',
    )
    .example(EXAMPLES.map(([line, words]) => [line.replace(/^odo/, '$0'), words]))
    .epilogue(`Exit codes:\n${codes.join('\n')}`)
    .parserConfiguration({ 'duplicate-arguments-array': true, 'greedy-arrays': false })
    .strict()
    .recommendCommands()
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(120, process.stdout.columns || 100))
    .exitProcess(false)
    .fail((message, error) => {
      if (error && !message) throw error;
      const told = withoutTwins(message);
      throw new OdoError('usage', lowerFirst(told.replaceAll('\n', ' ')), { hint: hintFor(told), cause: error });
    });
  for (const entry of COMMANDS) {
    parser.command(
      entry.isDefault ? [usageOf(entry), '$0'] : usageOf(entry),
      entry.describe as string,
      (command) => {
        for (const [name, { demanded: _, ...positional }] of Object.entries(entry.positionals ?? {})) {
          command.positional(name, positional);
        }
        const options = optionsOf(entry.topics, entry.also);
        // yargs lays out the help of each command that is named, which takes longer than everything else.
        return command.options(wantsHelp ? options : hidden(options));
      },
      () => {
        chosen = entry;
      },
    );
  }

  const flags = (await parser.parseAsync([...argv], {}, (_error, _args, output) => {
    printed = output;
  })) as Arguments;
  if (!chosen || printed !== '') return { print: printed };
  const { name: command, run } = chosen;
  if (chosen.isToldByHost) return { command, run, args: flags, settings: [] };
  const settings = await settle(flags, surroundings);
  return { command, run, args: { ...flags, ...toArguments(settings) }, settings };
}

/** The options, hidden from --help. */
function hidden(options: Readonly<Record<string, Options>>): Record<string, Options> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, hidden: true }]));
}

/** Names each unknown option once: yargs names it in camel case once more. */
function withoutTwins(message: string): string {
  return message.replace(/^(Unknown arguments): (.*)$/m, (_all, what: string, words: string) => {
    const names = words.split(', ');
    const camel = (name: string) => name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
    const kept = names.filter((name) => !names.some((other) => other.includes('-') && camel(other) === name));
    return `${kept.length === 1 ? what.slice(0, -1) : what}: ${kept.join(', ')}`;
  });
}

/** A hint at what the person may have meant. */
function hintFor(message: string): string {
  const [, words] = /^Unknown (?:arguments?|commands?): (.*)$/m.exec(message) ?? [];
  for (const word of words?.split(', ') ?? []) {
    if (ALL_OPTIONS[word] !== undefined)
      return `--${word} belongs to another command; odo --help lists commands and options`;
    const near = nearest(word, [...Object.keys(ALL_OPTIONS), ...visible(COMMANDS)]);
    if (near !== undefined) {
      return (
        `did you mean ${ALL_OPTIONS[near] === undefined ? `odo ${near}` : `--${near}`}? odo --help lists ` +
        'commands and options'
      );
    }
  }
  return 'odo --help lists commands and options';
}

function visible(commands: readonly CommandEntry[]): string[] {
  return commands.filter(({ describe }) => describe !== false).map(({ name }) => name);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
