import type { Options } from 'yargs';
import type { CommandEntry } from '../../src/cli/commands/command-entry.ts';
import { COMMANDS, usageOf } from '../../src/cli/commands/command-table.ts';
import { EXAMPLES } from '../../src/cli/commands/examples.ts';
import { optionsOf, TOPICS, type Topic } from '../../src/cli/options/topics.ts';
import { madeFrom, table } from './markdown.ts';
import { COMMAND_NOTES, OPTION_NOTES } from './notes.ts';

/** The page on commands and options. */
export function commandLinePage(): string {
  const shown = COMMANDS.filter(({ describe }) => describe !== false);
  return [
    madeFrom('src/cli/commands/', 'src/cli/options/', 'scripts/docs/notes.ts'),
    `# The command line

    odo -a AWS_ACCESS_KEY -s AWS_SECRET_KEY -r AWS_REGION -u S3_BACKUP_URL -v VOLUME_NAME -n SERVICE_NAME \\
        -f COMPOSE_FILEPATH [-c]

\`odo --help\` and \`odo COMMAND --help\` tell the same. Most options may stand in
[the environment or in a file](settings.md) as well. How a command ends is [an exit code](exit-codes.md); what it
prints is told in [output](output.md).

## Commands
`,
    table(['command', 'what it does', 'its options'], shown.map(commandCells)),
    '',
    ...(Object.keys(TOPICS) as Topic[]).map((topic) => topicSection(topic)),
    '## Examples\n',
    ...EXAMPLES.map(([line, words]) => `- ${words}:\n\n      ${line}\n`),
  ].join('\n');
}

function commandCells(command: CommandEntry): string[] {
  const note = COMMAND_NOTES[command.name];
  const also = (command.also ?? []).map((name) => `\`--${name}\``);
  const name = command.isDefault ? `\`odo\`, \`odo ${usageOf(command)}\`` : `\`odo ${usageOf(command)}\``;
  return [
    name,
    [String(command.describe), ...(note === undefined ? [] : [note])].join('; '),
    [...command.topics.map((topic) => `[${topic}](#${anchorOf(TOPICS[topic].title)})`), ...also].join(', '),
  ];
}

function topicSection(topic: Topic): string {
  const { title } = TOPICS[topic];
  const rows = Object.entries(optionsOf([topic])).map(([name, option]) => optionCells(name, option));
  return [`## ${headingOf(title)}\n`, table(['option', 'what it is for'], rows), ''].join('\n');
}

function optionCells(name: string, option: Options): string[] {
  const { alias, describe = '', defaultDescription } = option;
  const value = placeholderOf(option);
  // What is on until it is turned off is named by what turns it off.
  const long = option.type === 'boolean' && defaultDescription === 'true' ? `--no-${name}` : `--${name}`;
  const forms = [...(typeof alias === 'string' ? [`-${alias}`] : []), `${long}${value}`];
  const standard =
    defaultDescription === undefined || defaultDescription === 'true' ? '' : ` (default: ${defaultDescription})`;
  const note = OPTION_NOTES[name];
  const told = describe.replace(/ \[([A-Z0-9_, ]+)\]$/, ' [`$1`]').replace(`${long} `, '');
  const words = [`${told}${standard}`, ...(note === undefined ? [] : [note])];
  return [`\`${forms.join(', ')}\``, words.join('; ')];
}

function placeholderOf({ type, choices, array }: Options): string {
  if (type === 'boolean') return '';
  if (choices) return ` ${choices.map(String).join('|')}`;
  return array === true ? ' VALUE …' : ' VALUE';
}

function headingOf(title: string): string {
  return title.replace(/:$/, '');
}

/** As GitHub makes the anchor of a heading. */
function anchorOf(title: string): string {
  return headingOf(title)
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replace(/\s/g, '-');
}
