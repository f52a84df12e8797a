import fs from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { ALL_OPTIONS, variablesOf } from '../options/topics.ts';

const FILE = '.env';

/** The names of ODO's predecessor, which it read from this file alone. */
export const OLD_NAMES: Readonly<Record<string, readonly string[]>> = {
  'aws-access-key': ['AWS_ACCESS_KEY'],
  'aws-secret-key': ['AWS_SECRET_KEY'],
};

/** The value of one option in `.env`. */
export interface DotenvValue {
  variable: string;
  value: string;
}

/**
 * The variables of `.env` in the directory that mean options, by option. Other variables are not ODO's business.
 * Nothing when there is no such file.
 */
export function readDotenv(directory: string): { options: Map<string, DotenvValue>; sessionToken?: string } {
  const variables = parse(path.join(directory, FILE));
  const options = new Map<string, DotenvValue>();
  for (const [name, option] of Object.entries(ALL_OPTIONS)) {
    // Compose reads its own variables itself, from the `.env` beside the compose file.
    const documented = variablesOf(option).filter((variable) => !variable.startsWith('COMPOSE_'));
    const known = [...documented, ...(OLD_NAMES[name] ?? [])];
    const variable = known.find((candidate) => variables[candidate]);
    if (variable !== undefined) options.set(name, { variable, value: variables[variable] as string });
  }
  const sessionToken = variables.AWS_SESSION_TOKEN;
  return { options, ...(sessionToken ? { sessionToken } : {}) };
}

function parse(file: string): NodeJS.Dict<string> {
  try {
    return parseEnv(fs.readFileSync(file, 'utf8'));
  } catch {
    // Many programs have a file of this name. A file that cannot be read counts as none.
    return {};
  }
}
