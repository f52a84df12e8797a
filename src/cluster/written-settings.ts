import { createHash } from 'node:crypto';
import { blockOf, removeBlock } from '../postgres/configuration/recovery-settings.ts';
import type { WrittenSetting } from '../tree/exchange/journal.ts';

// PostgreSQL's ALTER SYSTEM writes postgresql.auto.conf anew, without any comment, and so without the lines that ODO's
// settings stand between.

/** One line that sets a parameter, as PostgreSQL and ODO write it. */
const LINE = /^[ \t]*([\w.]+)[ \t]*=[ \t]*'((?:[^'\\]|''|\\.)*)'[ \t]*$/;

/**
 * Digests of the settings in ODO's block, so that they are found again without its marker lines. Digests, since a value
 * may hold a password.
 */
export function digestBlock(conf: string): WrittenSetting[] {
  return settingsIn(blockOf(conf)).map(({ name, value }) => ({ name, digest: digestOf(name, value) }));
}

/**
 * Takes ODO's settings out: the block, or its settings where the marker lines are gone. `left` are ODO's names that
 * stay, since ALTER SYSTEM has given them another value. It leaves one line of what it sets. So where ODO's own line is
 * there, another one of that name is older, and stays as it was.
 */
export function removeWritten(conf: string, written: readonly WrittenSetting[]): { conf: string; left: string[] } {
  const own = removeBlock(conf);
  if (own !== conf) return { conf: own, left: [] };
  const digests = new Map(written.map(({ name, digest }) => [name, digest]));
  const lines = conf.split('\n').map((line) => {
    const [setting] = settingsIn(line);
    const isOwn = setting !== undefined && digests.get(setting.name) === digestOf(setting.name, setting.value);
    return { line, name: setting?.name ?? '', isOwn };
  });
  const found = new Set(lines.filter(({ isOwn }) => isOwn).map(({ name }) => name));
  return {
    conf: lines.flatMap(({ line, isOwn }) => (isOwn ? [] : [line])).join('\n'),
    left: lines.flatMap(({ name }) => (digests.has(name) && !found.has(name) ? [name] : [])),
  };
}

/** Whether ODO's settings turn archiving off, with or without marker lines. */
export function turnsArchivingOff(written: readonly WrittenSetting[]): boolean {
  return written.some(({ name, digest }) => name === 'archive_mode' && digest === digestOf(name, 'off'));
}

function settingsIn(text: string): { name: string; value: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, name, quoted = ''] = LINE.exec(line) ?? [];
    return name === undefined ? [] : [{ name: name.toLowerCase(), value: unquote(quoted) }];
  });
}

/** Reads a quoted value as PostgreSQL does (GUC_scanstr): two quotes are one, and a backslash takes what follows. */
function unquote(quoted: string): string {
  return quoted.replace(/''|\\([0-7]{1,3}|.)/g, (all, escaped?: string) => {
    if (escaped === undefined) return all === "''" ? "'" : all;
    if (/^[0-7]+$/.test(escaped)) return String.fromCharCode(Number.parseInt(escaped, 8));
    return { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }[escaped] ?? escaped;
  });
}

function digestOf(name: string, value: string): string {
  return createHash('sha256').update(`${name}=${value}`).digest('hex').slice(0, 32);
}
