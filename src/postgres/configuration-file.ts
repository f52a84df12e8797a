import type { Setting } from './recovery-settings.ts';

/** What a server's configuration files say, the last word on each setting. */
export interface EffectiveSettings {
  /** By name, in small letters. */
  settings: ReadonlyMap<string, string>;
  /** Every file was read. Otherwise one lies outside of the data directory, and may say more. */
  isWhole: boolean;
}

const LINE = /^\s*([A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?)(?:\s*=\s*|\s+)(?:'((?:[^'\\]|''|\\.)*)'|([^\s#'=][^\s#']*))/;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
/** PostgreSQL's own limit on nested includes. */
const MAX_DEPTH = 10;

/**
 * The settings of a configuration file in their order, `include` lines among them. Lines that the server would refuse are passed over.
 * Source: https://www.postgresql.org/docs/current/config-setting.html, PostgreSQL's src/backend/utils/misc/guc-file.l
 */
export function parseConfiguration(text: string): Setting[] {
  return text.split('\n').flatMap((line) => {
    const [, name, quoted, plain] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    return [[name.toLowerCase(), quoted === undefined ? (plain ?? '') : unquote(quoted)] as const];
  });
}

/**
 * What holds after postgresql.conf with the files that it includes, and postgresql.auto.conf, which the server reads last.
 * @param read gives the text of a file of the data directory by its relative path; undefined when it is not there
 */
export function readSettings(read: (file: string) => string | undefined, autoConf: string): EffectiveSettings {
  const settings = new Map<string, string>();
  let isWhole = true;

  function take(file: string, isOptional: boolean, depth: number): void {
    const text = file.startsWith('/') || depth > MAX_DEPTH ? undefined : read(file);
    if (text === undefined) {
      if (!isOptional || file.startsWith('/')) isWhole = false;
      return;
    }
    const folder = file.replace(/[^/]*$/, '');
    for (const [name, value] of parseConfiguration(text)) {
      if (name === 'include_dir') isWhole = false;
      else if (name === 'include' || name === 'include_if_exists') {
        take(value.startsWith('/') ? value : folder + value, name === 'include_if_exists', depth + 1);
      } else settings.set(name, value);
    }
  }

  take('postgresql.conf', false, 0);
  for (const [name, value] of parseConfiguration(autoConf)) settings.set(name, value);
  return { settings, isWhole };
}

/** Whether a setting's text is one of those that PostgreSQL reads as true. */
export function isOn(value: string | undefined): boolean {
  return /^(on|true|yes|1|t|tr|tru|y|ye)$/i.test(value ?? '');
}

/** The same for false. */
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
