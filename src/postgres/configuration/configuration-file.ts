import type { Setting } from './recovery-settings.ts';

/** The settings of a server's configuration files; the last line on each setting counts. */
export interface EffectiveSettings {
  /** Values by the setting's name, in small letters. */
  settings: ReadonlyMap<string, string>;
  /** Every file was read. Otherwise one lies outside of the data directory, and may say more. */
  isWhole: boolean;
  /** The files that were read, relative to the data directory; without postgresql.auto.conf. */
  files?: readonly string[];
  /** Includes of files and directories that are not there, or lie outside of the data directory. */
  unread?: readonly Include[];
}

/** One line that reads other files. */
export interface Include {
  directive: 'include' | 'include_if_exists' | 'include_dir';
  /** The file or directory as it is written. */
  value: string;
  /** The same file, absolute or relative to the data directory. */
  path: string;
  /** The file lies outside of the data directory: whether it is there depends on where the server runs. */
  isOutside: boolean;
}

/** Reads files of a data directory. Both methods take relative paths, and give undefined for what is not there. */
export interface ConfigurationReader {
  read(file: string): string | undefined;
  /** The names in a directory. */
  list(directory: string): string[] | undefined;
}

/** For a server that reads its configuration from elsewhere. */
export const NO_FILES: ConfigurationReader = { read: () => undefined, list: () => undefined };

const LINE = /^\s*([A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?)(?:\s*=\s*|\s+)(?:'((?:[^'\\]|''|\\.)*)'|([^\s#'=][^\s#']*))/;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
/** PostgreSQL's own limit on nested includes. */
const MAX_DEPTH = 10;
const INCLUDES = ['include', 'include_if_exists', 'include_dir'] as const;

/**
 * The settings of a configuration file in their order, `include` lines among them. Lines that the server would refuse
 * are passed over. Source: https://www.postgresql.org/docs/current/config-setting.html, PostgreSQL's
 * src/backend/utils/misc/guc-file.l
 */
export function parseConfiguration(text: string): Setting[] {
  return text.split('\n').flatMap((line) => {
    const parsed = parseLine(line);
    return parsed === undefined ? [] : [parsed];
  });
}

function parseLine(line: string): Setting | undefined {
  const [, name, quoted, plain] = LINE.exec(line) ?? [];
  if (name === undefined) return undefined;
  return [name.toLowerCase(), quoted === undefined ? (plain ?? '') : unquote(quoted)];
}

/**
 * The settings of postgresql.conf with the files that it includes, and of postgresql.auto.conf, which the server reads
 * last.
 */
export function readSettings(look: ConfigurationReader, autoConf: string): EffectiveSettings {
  const settings = new Map<string, string>();
  const files: string[] = [];
  const unread: Include[] = [];
  let isWhole = true;

  function miss(directive: Include['directive'], value: string, path: string): void {
    const isOutside = value.startsWith('/') || value.split('/').includes('..');
    if (isOutside || directive !== 'include_if_exists') isWhole = false;
    if (isOutside || directive !== 'include_if_exists') unread.push({ directive, value, path, isOutside });
  }

  function take(file: string, depth: number): boolean {
    const isInside = !file.startsWith('/') && !file.split('/').includes('..');
    const text = isInside && depth <= MAX_DEPTH ? look.read(file) : undefined;
    if (text === undefined) return false;
    files.push(file);
    const folder = file.replace(/[^/]*$/, '');
    for (const [name, value] of parseConfiguration(text)) {
      const directive = INCLUDES.find((one) => one === name);
      const path = value.startsWith('/') ? value : folder + value;
      if (directive === undefined) settings.set(name, value);
      else if (!include(directive, path, depth + 1)) miss(directive, value, path);
    }
    return true;
  }

  function include(directive: Include['directive'], path: string, depth: number): boolean {
    if (directive !== 'include_dir') return take(path, depth);
    const directory = path.replace(/\/$/, '');
    const isInside = !directory.startsWith('/') && !directory.split('/').includes('..');
    const names = isInside && depth <= MAX_DEPTH ? look.list(directory) : undefined;
    const wanted = names?.filter((name) => name.endsWith('.conf') && !name.startsWith('.')).sort();
    for (const name of wanted ?? []) take(`${directory}/${name}`, depth);
    return wanted !== undefined;
  }

  if (!take('postgresql.conf', 0)) isWhole = false;
  for (const [name, value] of parseConfiguration(autoConf)) settings.set(name, value);
  return { settings, isWhole, files, unread };
}

/** Makes comments of the lines that `isMeant` says; undefined when there are none. */
export function commentOut(conf: string, isMeant: (setting: Setting) => boolean): string | undefined {
  let found = false;
  const lines = conf.split('\n').map((line) => {
    const parsed = parseLine(line);
    if (parsed === undefined || !isMeant(parsed)) return line;
    found = true;
    return `# taken out by odo: ${line}`;
  });
  return found ? lines.join('\n') : undefined;
}

/** Whether a setting's text is one of those that PostgreSQL reads as true. */
export function isOn(value: string | undefined): boolean {
  return /^(on|true|yes|1|t|tr|tru|y|ye)$/i.test(value ?? '');
}

/** Whether a setting's text is one of those that PostgreSQL reads as false. */
export function isOff(value: string | undefined): boolean {
  return /^(off?|false|fals|fal|fa|f|no|n|0)$/i.test(value ?? '');
}

function unquote(text: string): string {
  return text.replace(/''|\\([0-7]{1,3}|.)/g, (_whole, escaped: string | undefined) => {
    if (escaped === undefined) return "'";
    if (/^[0-7]/.test(escaped)) return String.fromCharCode(Number.parseInt(escaped, 8));
    return ESCAPES[escaped] ?? escaped;
  });
}
