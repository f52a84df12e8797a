import type { Options } from 'yargs';
import { EXIT } from '../../errors.ts';
import { ALL_OPTIONS, optionsOf, TOPICS, type Topic, variablesOf } from '../options/topics.ts';
import { VERSION } from '../settings/version.ts';
import type { CommandEntry } from './command-entry.ts';
import { EXAMPLES } from './examples.ts';

/** The man page, in roff, made of the same definitions as the parser and --help. */
export function manPage(commands: readonly CommandEntry[]): string {
  const shown = commands.filter(({ describe }) => describe !== false);
  const variables = Object.entries(ALL_OPTIONS).flatMap(([name, option]) =>
    variablesOf(option).map((variable) => tagged(`.B ${plain(variable)}`, `as \\fB\\-\\-${plain(name)}\\fR`)),
  );
  return [
    `.TH ODO 1 "" "odo ${VERSION}" "User Commands"`,
    section('NAME'),
    'odo \\- gets a PostgreSQL backup out of object storage and back into a Docker Compose service',
    section('SYNOPSIS'),
    ...shown.map(synopsis).join('\n.br\n').split('\n'),
    section('DESCRIPTION'),
    'Finds a complete backup, lays it down beside the old data, exchanges the two by renames, replays the ' +
      'archived WAL, sees the server',
    'through promotion, and only then removes the old data. A failure before the exchange leaves the service ' +
      'as it was.',
    section('COMMANDS'),
    ...shown.map((command) => tagged(`.B ${plain(command.name)}`, plain(`${command.describe}`))),
    ...(Object.keys(TOPICS) as Topic[]).flatMap((topic) => [
      section(TOPICS[topic].title.replace(/:$/, '').toUpperCase()),
      ...Object.entries(optionsOf([topic])).map(([name, option]) => describeOption(name, option)),
    ]),
    section('ENVIRONMENT'),
    'An option wins over the environment, that over the config file, that over .env in the working directory.',
    ...variables,
    tagged('.B NO_COLOR', 'when it is set, nothing is coloured'),
    section('FILES'),
    tagged('.I odo.yaml', 'options, its keys named as the long options'),
    tagged('.I .env', 'the variables above, and those of the predecessor: AWS_ACCESS_KEY, AWS_SECRET_KEY, AWS_REGION'),
    section('EXIT STATUS'),
    ...Object.values(EXIT).map(({ exitCode, meaning }) => tagged(`.B ${exitCode}`, plain(meaning))),
    section('EXAMPLES'),
    ...EXAMPLES.map(([line, words]) => tagged(`.B ${plain(line)}`, plain(words))),
  ].join('\n');
}

function synopsis({ name, positionals = {}, isDefault }: CommandEntry): string {
  const words = Object.entries(positionals).map(([word, { demanded }]) => {
    const shown = `\\fI${plain(word)}\\fR`;
    return demanded ? shown : `[${shown}]`;
  });
  const command = isDefault ? `[\\fB${name}\\fR]` : `\\fB${name}\\fR`;
  return ['\\fBodo\\fR', command, ...words, '[\\fIoptions\\fR]'].join(' ');
}

function describeOption(name: string, { alias, type, choices, describe = '', defaultDescription }: Options): string {
  const forms = [...(typeof alias === 'string' ? [`\\fB\\-${alias}\\fR`] : []), `\\fB\\-\\-${plain(name)}\\fR`].join(
    ', ',
  );
  const value = type === 'boolean' ? '' : ` \\fI${choices ? choices.map(String).join('|') : 'value'}\\fR`;
  const standard = defaultDescription === undefined ? '' : ` (default: ${defaultDescription})`;
  return tagged(`${forms}${value}`, plain(`${describe}${standard}`));
}

function section(title: string): string {
  return `.SH ${title.includes(' ') ? `"${title}"` : title}`;
}

function tagged(tag: string, text: string): string {
  return `.TP\n${tag}\n${text}`;
}

/** Escapes a text for roff, which takes a line that begins with a dot or a quote for a request. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replace(/^(?=[.'])/, '\\&');
}
