import type { OdoEvent } from '../../events.ts';
import { holdsPassword } from '../options/standby-options.ts';
import { originWords, reportConfig } from '../settings/config-report.ts';
import type { SettingInForce } from '../settings/settings.ts';
import type { Renderer } from './render.ts';

/** For --quiet: only warnings and failed checks are told. Errors and the result are told as always. */
export function quiet(renderer: Renderer): Renderer {
  return { ...renderer, event: (event) => (isNews(event) ? renderer.event(event) : undefined) };
}

/** For --verbose: an error is told with its causes. */
export function verbose(renderer: Renderer): Renderer {
  return {
    ...renderer,
    error(error) {
      renderer.error(error);
      for (const message of causesOf(error))
        renderer.event({ type: 'note', level: 'info', message: `caused by ${message}` });
    },
  };
}

/** Tells the settings in force, for --verbose. */
export function tellSettings(settings: readonly SettingInForce[], renderer: Renderer): void {
  for (const setting of reportConfig(settings).settings) {
    if (setting.from === 'default') continue;
    renderer.event({
      type: 'note',
      level: 'info',
      message: `${setting.name} is ${setting.value}, by ${originWords(setting)}`,
    });
  }
}

/**
 * Warns of secrets on the command line, which other users of the machine can read, and of a server without a verified
 * certificate, which can be anybody.
 */
export function warnOfRisks(settings: readonly SettingInForce[], renderer: Renderer): void {
  if (settings.some(({ name, value }) => name === 'verify-tls' && value === false)) {
    renderer.event({
      type: 'note',
      level: 'warning',
      message:
        '--no-verify-tls: whoever sits between here and the store can read the backup, and give another one instead',
    });
  }
  for (const { name, value, from } of settings) {
    const variable = from === 'flag' ? safeVariable(name, value) : undefined;
    if (variable === undefined) continue;
    renderer.event({
      type: 'note',
      level: 'warning',
      message:
        `a secret on the command line can be seen by other users of this machine; ${variable} in the ` +
        'environment is safer',
    });
  }
}

function safeVariable(name: string, value: unknown): string | undefined {
  if (name === 'aws-secret-key') return 'AWS_SECRET_ACCESS_KEY';
  return name === 'primary-conninfo' && holdsPassword(String(value)) ? 'PRIMARY_CONNINFO' : undefined;
}

function isNews(event: OdoEvent): boolean {
  if (event.type === 'note') return event.level === 'warning';
  if (event.type === 'proof') return event.state === 'failed' || event.state === 'warning';
  return event.type === 'error';
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  for (let { cause } = error; cause instanceof Error; { cause } = cause) causes.push(`${cause.name}: ${cause.message}`);
  return causes;
}
