import { ALL_OPTIONS, variablesOf } from '../options/topics.ts';
import { readConfigFile } from './config-file.ts';
import { readDotenv } from './dotenv-file.ts';

/** An option's value in force, and where it comes from. */
export interface SettingInForce {
  name: string;
  value: unknown;
  from: 'flag' | 'environment' | 'config' | '.env' | 'default';
  /** The variable or the file that the value comes from. */
  source?: string;
}

/** Where values other than flags come from. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** The working directory. */
  directory: string;
}

/** Rows of options of which only one group can be meant. A flag of one group outdoes a file's values for the others. */
export const RIVALS: readonly (readonly (readonly string[])[])[] = [
  [['into'], ['volume', 'service', 'compose-file']],
  [['target-time', 'timezone'], ['target-lsn'], ['target-xid'], ['target-name'], ['target']],
];

const KEYS = ['aws-access-key', 'aws-secret-key'];

/**
 * The settings in force. A flag wins over the environment, the environment over the config file, that file over `.env`,
 * and `.env` over the default. Options without any value are left out. `usage` for a config file that is wrong.
 * @param flags values from the command line, by long option name
 */
export async function settle(
  flags: Readonly<Record<string, unknown>>,
  { env, directory }: Surroundings,
): Promise<SettingInForce[]> {
  const config = await readConfigFile(typeof flags.config === 'string' ? flags.config : undefined, directory);
  const dotenv = readDotenv(directory);
  const isGiven = (name: string) => flags[name] !== undefined;
  const outdone = new Set(
    RIVALS.filter((groups) => groups.flat().some(isGiven)).flatMap((groups) =>
      groups.filter((group) => !group.some(isGiven)).flat(),
    ),
  );

  const settings = Object.entries(ALL_OPTIONS).flatMap(([name, option]): SettingInForce[] => {
    if (flags[name] !== undefined) return [{ name, value: flags[name], from: 'flag' }];
    const variable = variablesOf(option).find((candidate) => env[candidate]);
    if (variable !== undefined) return [{ name, value: env[variable], from: 'environment', source: variable }];
    const value = config?.values[name];
    if (config && value !== undefined && !outdone.has(name))
      return [{ name, value, from: 'config', source: config.file }];
    const last = dotenv.options.get(name);
    // A profile of the environment stands for keys, and wins over the file as they would.
    const isOutdone = KEYS.includes(name) && Boolean(env.AWS_PROFILE);
    if (last && !isOutdone) return [{ name, value: last.value, from: '.env', source: last.variable }];
    return option.default === undefined ? [] : [{ name, value: option.default, from: 'default' }];
  });
  // A session token belongs to the keys beside which it stands.
  const hasKeysOfDotenv = settings.some(({ name, from }) => name === 'aws-access-key' && from === '.env');
  if (hasKeysOfDotenv && dotenv.sessionToken !== undefined) {
    settings.push({ name: SESSION_TOKEN, value: dotenv.sessionToken, from: '.env', source: 'AWS_SESSION_TOKEN' });
  }
  return settings;
}

/** Not an option: only `.env` and the environment have it. */
export const SESSION_TOKEN = 'aws-session-token';

/**
 * The values as commands take them. Values from the environment are left out and read there, since its keys bring a
 * session token with them.
 */
export function toArguments(settings: readonly SettingInForce[]): Record<string, unknown> {
  return Object.fromEntries(
    settings.filter(({ from }) => from !== 'environment').map(({ name, value }) => [name, value]),
  );
}
