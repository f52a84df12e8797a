import fs from 'node:fs';
import path from 'node:path';
import type { Options } from 'yargs';
import { OdoError } from '../../errors.ts';
import { nearest } from '../options/near.ts';
import { ALL_OPTIONS } from '../options/topics.ts';

/** The config file in the working directory, which is read when --config names no other. */
export const CONFIG_FILE = 'odo.yaml';

/** Options that no file may give: they are about the file, or about one run. */
export const FLAGS_ONLY: readonly string[] = ['config', 'yes'];

/** The content of a config file: values by long option name. */
export interface ConfigFile {
  file: string;
  values: Record<string, unknown>;
}

/**
 * Reads a config file: YAML, its keys named as the long options. Without `named`, the one in the directory, if there is
 * one. `usage` for a file that cannot be read, for unknown keys (with the near one), and for values that the option
 * cannot have. Messages repeat no values, since one of them is a secret.
 */
export async function readConfigFile(named: string | undefined, directory: string): Promise<ConfigFile | undefined> {
  const file = named ?? CONFIG_FILE;
  const text = readText(path.resolve(directory, file), file, named !== undefined);
  return text === undefined ? undefined : { file, values: await parseConfig(text, file) };
}

/** The values of a config file's text; `file` is for messages. */
export async function parseConfig(text: string, file: string): Promise<Record<string, unknown>> {
  // Loaded here, since most commands find no config file.
  const { parseDocument } = await import('yaml');
  // With pretty errors the message would hold the line, and with it perhaps a secret.
  const document = parseDocument(text, { prettyErrors: false });
  const [fault] = document.errors;
  if (fault) {
    const line = text.slice(0, fault.pos[0]).split('\n').length;
    throw new OdoError('usage', `${file} is not YAML: ${fault.code} in line ${line}`, {
      hint: 'write it as lines of `option: value`',
    });
  }
  const content: unknown = document.toJS();
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new OdoError('usage', `${file} holds no options`, { hint: 'write it as lines of `option: value`' });
  }
  return Object.fromEntries(
    Object.entries(content)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, convert(key, value, file)]),
  );
}

function convert(key: string, value: unknown, file: string): unknown {
  const option = ALL_OPTIONS[key];
  if (option === undefined || FLAGS_ONLY.includes(key)) throw unknown(key, file);
  const items = Array.isArray(value) ? value : [value];
  if (items.some((item) => !fits(option, item)) || (Array.isArray(value) && option.array !== true)) {
    throw new OdoError('usage', `${file}: ${key} wants ${wanted(option)}`, {
      hint: 'odo --help tells what each option is for',
    });
  }
  if (option.array === true) return items.map(String);
  return option.type === 'boolean' || option.type === 'number' ? value : String(value);
}

function fits(option: Options, value: unknown): boolean {
  if (option.choices) return option.choices.includes(value as string);
  if (option.type === 'boolean' || option.type === 'number') return typeof value === option.type;
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function wanted(option: Options): string {
  if (option.choices) return `one of ${option.choices.join(', ')}`;
  if (option.type === 'boolean') return 'true or false';
  if (option.type === 'number') return 'a number';
  return option.array === true ? 'a text, or a list of them' : 'a text';
}

function unknown(key: string, file: string): OdoError {
  const names = Object.keys(ALL_OPTIONS).filter((name) => !FLAGS_ONLY.includes(name));
  const near = nearest(key, names);
  const what = FLAGS_ONLY.includes(key)
    ? `${file}: ${key} can be given on the command line only`
    : `${file}: there is no option '${key}'`;
  return new OdoError('usage', what, {
    hint: near === undefined ? 'keys are named as the long options; odo --help lists them' : `did you mean ${near}?`,
  });
}

function readText(file: string, name: string, demanded: boolean): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!demanded && code === 'ENOENT') return undefined;
    throw new OdoError('usage', `cannot read ${name} (${code})`, { hint: 'check --config and the file', cause: error });
  }
}
