import { shownUrl } from '../../store/objects/url.ts';
import { isSecret } from '../options/topics.ts';
import type { SettingInForce } from './settings.ts';

/** The result of `odo config`: each setting, and where it comes from. Secrets are masked. */
export interface ConfigReport {
  kind: 'config';
  settings: { name: string; value: unknown; from: string; source?: string }[];
}

export function reportConfig(settings: readonly SettingInForce[]): ConfigReport {
  return { kind: 'config', settings: settings.map((setting) => ({ ...setting, value: mask(setting) })) };
}

/** Where a setting comes from, in words. */
export function originWords({ from, source }: ConfigReport['settings'][number]): string {
  return source === undefined ? from : `${from} (${source})`;
}

export function configWords({ settings }: ConfigReport): string {
  const rows = settings.map((setting) => [setting.name, valueWords(setting.value), originWords(setting)] as const);
  const width = (column: 0 | 1) => rows.reduce((most, row) => Math.max(most, row[column].length), 0);
  return rows
    .map(([name, value, origin]) => `${name.padEnd(width(0))}  ${value.padEnd(width(1))}  ${origin}`)
    .join('\n');
}

/** Masks secrets. The last letters of an access key are enough to recognise it; nothing of a secret is shown. */
function mask({ name, value }: SettingInForce): unknown {
  if (isSecret(name)) return '***';
  if (name === 'aws-access-key' && typeof value === 'string') return `***${value.length > 8 ? value.slice(-4) : ''}`;
  if (name === 's3-url' && typeof value === 'string') return shownUrl(value);
  return value;
}

function valueWords(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}
