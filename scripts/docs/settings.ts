import type { Options } from 'yargs';
import { ALL_OPTIONS, variablesOf } from '../../src/cli/options/topics.ts';
import { CONFIG_FILE, FLAGS_ONLY } from '../../src/cli/settings/config-file.ts';
import { OLD_NAMES } from '../../src/cli/settings/dotenv-file.ts';
import { RIVALS } from '../../src/cli/settings/settings.ts';
import { madeFrom, table, wrapped } from './markdown.ts';

/** Variables that are no option's. */
const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  AWS_SESSION_TOKEN: 'belongs to the keys of the environment, or to those of `.env` when it stands there',
  'AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL': 'the endpoint, where `--endpoint` and `S3_ENDPOINT` say nothing',
  'AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and the rest of the AWS SDK’s':
    'where keys come from when none are given, see [stores](../explanation/stores.md)',
  'HTTP_PROXY, HTTPS_PROXY, NO_PROXY':
    'proxies on the way to the store, with `user:password@` where they want it, and hosts that are reached without ' +
    'one; lower case wins; needs Node.js 22.21 or newer, and of 24 at least 24.5',
  COMPOSE_ENV_FILES: 'as compose reads it, in the calls of compose that ODO makes',
  'DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY':
    'which engine, as for the `docker` command',
  NO_COLOR: 'when it is set, nothing is coloured',
  'TERM=dumb': 'plain lines instead of the display that is written over',
  TMPDIR: 'where the log goes when the terminal is lost',
  'ODO_NATIVE=0': 'without the native code of [codecs](../explanation/codecs.md)',
};

/** The page on where settings come from. */
export function settingsPage(): string {
  const options = Object.entries<Options>(ALL_OPTIONS);
  const ofOptions = options.flatMap(([name, option]) => {
    const variables = variablesOf(option);
    return variables.length === 0 ? [] : [[code(variables), `\`--${name}\``]];
  });
  const others = Object.entries(OTHER_VARIABLES).map(([names, words]) => [code(names.split(', ')), words]);
  const oldNames = Object.entries(OLD_NAMES).map(([option, names]) => `${code(names)} for \`--${option}\``);
  return [
    madeFrom('src/cli/options/', 'src/cli/settings/'),
    `# Settings

A flag wins over the environment, that over the config file, that over \`.env\`, that over the default. \`odo config\`
prints what is in force and where each value comes from, secrets masked. It takes the options of a restore.

## The environment
`,
    table(['variable', 'option'], ofOptions),
    `
The first of several counts. These are no option's:
`,
    table(['variable', 'what it does'], others),
    `
## ${CONFIG_FILE}

\`${CONFIG_FILE}\` in the working directory, or the file that \`--config\` names, is YAML. Its keys are the long names
of [options](command-line.md); a list where an option may be given several times. Paths in it are relative to the
working directory, as on the command line.

    s3-url: s3://backups/shop
    volume: db
    service: db
    compose-file: compose.yaml

What is on until a \`--no-\` turns it off is \`false\` under its own name: \`sync: false\`.
`,
    wrapped(
      `An unknown key is refused, with the near one. ${code(FLAGS_ONLY)} can be given on the command line only. ` +
        'Of options that exclude each other a flag outdoes what the file says of the others: ' +
        `${RIVALS.map(rivalWords).join('; ')}.`,
    ),
    `
## .env

\`.env\` in the working directory is read for the variables of the first table, but for compose's own, which compose
itself reads from the \`.env\` beside the compose file. What else stands there is not ODO's business, and a file that
cannot be read is none.
`,
    wrapped(`The names of the original ODO do as well: ${oldNames.join(', ')}.`),
    '',
  ].join('\n');
}

function rivalWords(groups: (typeof RIVALS)[number]): string {
  return groups.map((group) => group.map((name) => `\`${name}\``).join(' and ')).join(', or ');
}

function code(names: readonly string[]): string {
  return names.map((name) => (/^[\w=]+$/.test(name) ? `\`${name}\`` : name.replace(/^\w+/, '`$&`'))).join(', ');
}
