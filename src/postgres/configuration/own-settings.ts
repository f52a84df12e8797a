import { OdoError } from '../../errors.ts';
import { endWithNewline, quoteValue, type Setting } from './recovery-settings.ts';

/** Settings that decide what recovery does and where the server finds its files. ODO or another option sets them. */
const NOT_FREE: Readonly<Record<string, string>> = {
  archive_mode: 'use --archive-mode off|keep',
  primary_conninfo: 'it may hold a password, and belongs to a standby',
  primary_slot_name: 'it belongs to a standby',
  hba_file: 'use --pg-hba FILE',
  data_directory: 'the data directory is where the volume is mounted',
  config_file: 'no configuration file can set it',
};

const RECOVERY = new RegExp(
  '^(restore_command|recovery_end_command|archive_cleanup_command|recovery_(target\\w*|min_apply_delay)|' +
    'standby_mode|trigger_file|promote_trigger_file)$',
);

/**
 * Reads one `name=value`. `usage` for a malformed name, a setting that recovery depends on, or a value that would break
 * out of its line. Source of the spelling of names: https://www.postgresql.org/docs/current/config-setting.html
 */
export function parseSetting(text: string): Setting {
  const [, given, value = ''] = /^\s*([A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?)\s*=(.*)$/s.exec(text) ?? [];
  if (given === undefined) {
    throw new OdoError('usage', `--set wants name=value, not ${text}`, { hint: 'such as --set work_mem=64MB' });
  }
  const name = given.toLowerCase();
  const instead = RECOVERY.test(name) ? 'ODO sets it for the recovery, and takes it out afterwards' : NOT_FREE[name];
  if (instead !== undefined || /^include(_dir|_if_exists)?$/.test(name)) {
    throw new OdoError('usage', `--set cannot set ${name}`, {
      hint: instead ?? 'it is no setting, but reads another file',
    });
  }
  if (/[\n\r\0]/.test(value)) throw new OdoError('usage', `--set ${name}: a value is one line`);
  return [name, value.trim()];
}

/**
 * Sets parameters in a configuration file's text, without ODO's block. Lines that set one of these parameters are
 * removed, and the new lines come last.
 */
export function setParameters(conf: string, settings: readonly Setting[]): string {
  if (settings.length === 0) return conf;
  const names = new Set(settings.map(([name]) => name));
  const kept = conf.split('\n').filter((line) => {
    const name = /^[ \t]*([\w.$]+)[ \t]*[= \t]/.exec(line)?.[1]?.toLowerCase();
    return name === undefined || !names.has(name);
  });
  // The last value of a name that is given twice counts, as in the file itself.
  const lines = [...new Map(settings)].map(([name, value]) => `${name} = ${quoteValue(value)}`);
  return `${endWithNewline(kept.join('\n'))}${lines.join('\n')}\n`;
}
