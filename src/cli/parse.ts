import yargs from 'yargs';
import { EXIT, OdoError } from '../errors.ts';
import type { Arguments } from './arguments.ts';
import { agent, type Command, check, clean, list, promote, restore, rollback, showOne, status, temporary } from './commands.ts';
import { OUTPUT_OPTIONS, RESTORE_OPTIONS, SERVICE_OPTIONS, STORE_OPTIONS } from './options.ts';
import { VERSION } from './version.ts';

/** A command line that was understood: what to run, or (for --help and --version) the text to print. */
export type Parsed = { run: Command; args: Arguments } | { print: string };

const EXAMPLES: readonly [string, string][] = [
  ['$0 -u s3://backups/shop -v db -n db -f compose.yaml', 'the latest backup, into the service; keys from the environment'],
  [
    '$0 -a KEY -s SECRET -r eu-west-1 -u s3://backups/shop -v db -n db -f compose.yaml -c',
    'all given; postgresql.auto.conf from ./confs',
  ],
  [
    '$0 -u s3://backups/shop --endpoint http://127.0.0.1:9000 … --backup 20251024T022608',
    'one certain backup from an S3-compatible server',
  ],
  ['$0 -u s3://backups/shop … --dry-run', 'make every check, print the plan, touch nothing'],
  ['$0 -u s3://backups/shop --into /srv/pgdata', 'into a directory, without Docker'],
  ['$0 rollback -v db -n db -f compose.yaml', 'put back what was there before a restore that did not end well'],
];

/** Understands a command line. Anything wrong with it is an OdoError `usage`. */
export async function parseCommandLine(argv: readonly string[]): Promise<Parsed> {
  let chosen: Command | undefined;
  let printed = '';
  const choose = (command: Command) => () => {
    chosen = command;
  };
  const codes = Object.values(EXIT).map(({ exitCode, meaning }) => `  ${String(exitCode).padStart(3)}  ${meaning}`);

  const parser = yargs([...argv])
    .scriptName('odo')
    .usage('$0 [restore] [options]\n\nGets a PostgreSQL backup out of object storage and back into a Docker Compose service.')
    .command(
      ['restore', '$0'],
      'restore a backup into a compose service, or with --into into a directory',
      (command) => command.options({ ...STORE_OPTIONS, ...SERVICE_OPTIONS, ...RESTORE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(restore),
    )
    .command(
      'rollback',
      'put the data back that was there before the last restore',
      (command) => command.options({ ...SERVICE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(rollback),
    )
    .command(
      'promote',
      'end the recovery of a server that waits at its target (--target-action pause or shutdown), and finish the restore',
      (command) => command.options({ ...SERVICE_OPTIONS, 'stall-timeout': RESTORE_OPTIONS['stall-timeout'], ...OUTPUT_OPTIONS }),
      choose(promote),
    )
    .command(
      'check',
      'make every check that a restore makes first, and tell whether it would start',
      (command) => command.options({ ...STORE_OPTIONS, ...SERVICE_OPTIONS, ...RESTORE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(check),
    )
    .command(
      'list',
      'list every backup, good or not, and the moments that can be recovered',
      (command) => command.options({ ...STORE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(list),
    )
    .command(
      'show [id]',
      'tell all that is known of one backup',
      (command) =>
        command
          .positional('id', { type: 'string', describe: 'its id or name; the newest that is complete when not given' })
          .options({ ...STORE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(showOne),
    )
    .command(
      'status',
      "tell what of a restore is on the service's volume",
      (command) => command.options({ ...SERVICE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(status),
    )
    .command(
      'clean',
      'remove what restores have left: staged files, and old data that was kept',
      (command) => command.options({ ...SERVICE_OPTIONS, ...OUTPUT_OPTIONS }),
      choose(clean),
    )
    .command(
      'temporary <action> [name]',
      'list temporary servers, or stop one and remove its volume',
      (command) =>
        command
          .positional('action', { choices: ['list', 'stop'] as const, describe: 'what to do' })
          .positional('name', { type: 'string', describe: 'which one; not needed when there is only one' })
          .options(OUTPUT_OPTIONS),
      choose(temporary),
    )
    .command('agent', false, {}, choose(agent))
    .example(EXAMPLES.map(([line, words]) => [line, words]))
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
      throw new OdoError('usage', lowerFirst(message.replaceAll('\n', ' ')), {
        hint: 'odo --help lists commands and options',
        cause: error,
      });
    });

  const args = (await parser.parseAsync([...argv], {}, (_error, _args, output) => {
    printed = output;
  })) as Arguments;
  if (chosen && printed === '') return { run: chosen, args };
  return { print: printed };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
