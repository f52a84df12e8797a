import { OdoError } from '../../errors.ts';
import { type Moment, targetSetting } from './recovery-target.ts';

/**
 * The lines between which ODO's settings stand in postgresql.auto.conf. PostgreSQL reads that file last, and a later
 * line wins.
 */
export const BLOCK_BEGIN = '# >>> odo: recovery settings, taken out after promotion';
export const BLOCK_END = '# <<< odo';

const ARCHIVE_OFF_COMMENT =
  "# odo: archiving is off so that this restored copy does not write into the original's archive; to turn it " +
  'on again: ALTER SYSTEM SET archive_mode = on, then restart';

const PREPARED_COMMENT =
  '# odo: transactions are prepared (pg_prepared_xacts), without this the server would not start; when all ' +
  'are ended: ALTER SYSTEM RESET max_prepared_transactions';

/** A setting as postgresql.conf spells it: name, and value without quotes. */
export type Setting = readonly [name: string, value: string];

/** A server that goes on recovering until it is promoted. */
export interface Standby {
  /** How the primary is reached, as libpq reads it; may hold a password: never print it. */
  primaryConninfo?: string;
}

/**
 * The settings under which a restored cluster recovers. WAL comes from the restore_command alone, to the end of
 * `timeline` or to the moment. These settings override whatever the backup's own configuration says of targets,
 * standbys and archiving.
 * @param restoreCommand shell text; %f and %p are PostgreSQL's
 * @param recoveryEndCommand shell text, '' for none
 * @param timeline `latest`, `current` or a timeline's number
 * @param stopAt where to stop before the end, and what to do there
 */
export function recoverySettings(options: {
  restoreCommand: string;
  recoveryEndCommand: string;
  timeline: 'latest' | 'current' | number;
  stopAt?: Pick<Moment, 'target' | 'exclusive' | 'action'>;
  /** The server stays in recovery, and streams from a primary where one is named. */
  standby?: Standby;
  /** Archiving stays as the configuration has it. */
  keepArchiving?: boolean;
}): Setting[] {
  const wanted = options.stopAt && targetSetting(options.stopAt.target);
  const targets = [
    'recovery_target',
    'recovery_target_name',
    'recovery_target_time',
    'recovery_target_xid',
    'recovery_target_lsn',
  ];
  return [
    ['restore_command', options.restoreCommand],
    ['recovery_end_command', options.recoveryEndCommand],
    ['archive_cleanup_command', ''],
    ...targets.map((name): Setting => [name, name === wanted?.[0] ? wanted[1] : '']),
    ...(options.stopAt ? stopSettings(options.stopAt) : []),
    ...(options.standby ? ([['hot_standby', 'on']] as const) : []),
    ['recovery_target_timeline', String(options.timeline)],
    ['recovery_min_apply_delay', '0'],
    ['primary_conninfo', options.standby?.primaryConninfo ?? ''],
    ['primary_slot_name', ''],
    ...(options.keepArchiving ? [] : [['archive_mode', 'off'] as const]),
  ];
}

function stopSettings({ exclusive, action }: Pick<Moment, 'exclusive' | 'action'>): Setting[] {
  return [
    ['recovery_target_inclusive', exclusive ? 'off' : 'on'],
    ['recovery_target_action', action],
    // A server without hot standby does not wait at its target: it would be promoted, or shut down.
    ['hot_standby', 'on'],
    // ODO quotes the server's words on the target, and acts by them.
    ['lc_messages', 'C'],
  ];
}

/**
 * Settings that a server reads only at its start, with their defaults. If such a line is taken out later, the server
 * complains in its log until the next restart.
 */
const START_ONLY: ReadonlyMap<string, string> = new Map([
  ['recovery_target', ''],
  ['recovery_target_name', ''],
  ['recovery_target_time', ''],
  ['recovery_target_xid', ''],
  ['recovery_target_lsn', ''],
  ['recovery_target_timeline', 'latest'],
  ['recovery_target_inclusive', 'on'],
  ['recovery_target_action', 'pause'],
  ['hot_standby', 'on'],
  ['archive_mode', 'off'],
]);

/** Leaves out lines that would only repeat a default. `conf` is all of the server's configuration as one text. */
export function withoutNeedless(settings: readonly Setting[], conf: string): Setting[] {
  return settings.filter(([name, value]) => START_ONLY.get(name) !== value || setsParameter(conf, name));
}

/** Whether a configuration reads files from other folders, so that it does not tell all by itself. */
export function includesOthers(conf: string): boolean {
  return /^[ \t]*include(_dir[ \t]*=?|(_if_exists)?[ \t]*=?[ \t]*'?[^'\s]*\/)/im.test(conf);
}

/** Names that, given on the server's command line, would beat any file: a restore cannot work with them. */
export const RECOVERY_CRITICAL = new Set([
  'restore_command',
  'recovery_target',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_xid',
  'recovery_target_lsn',
  'recovery_target_timeline',
]);

/** Names that, given on the command line of a standby's server, would beat any file. */
export const STANDBY_CRITICAL = new Set(['primary_conninfo', 'primary_slot_name', 'hot_standby']);

/** Names that, given on the command line, would beat any file in a restore to a certain moment. */
export const STOP_CRITICAL = new Set(['recovery_target_inclusive', 'recovery_target_action', 'hot_standby']);

/** Appends the block to a configuration file's text; a block that is already there is replaced. */
export function addBlock(conf: string, settings: Setting[]): string {
  const own = removeBlock(conf);
  const lines = settings.map(([name, value]) => `${name} = ${quoteValue(value)}`);
  return `${endWithNewline(own)}${[BLOCK_BEGIN, ...lines, BLOCK_END].join('\n')}\n`;
}

/**
 * Adds settings to the block. If its marks are gone, since the server has written the file anew, the settings come
 * last.
 */
export function addToBlock(conf: string, settings: readonly Setting[]): string {
  const lines = settings.map(([name, value]) => `${name} = ${quoteValue(value)}\n`).join('');
  const end = conf.indexOf(BLOCK_END, conf.indexOf(BLOCK_BEGIN));
  if (!conf.includes(BLOCK_BEGIN) || end < 0) return `${endWithNewline(conf)}${lines}`;
  return conf.slice(0, end) + lines + conf.slice(end);
}

/**
 * Takes the block out again. A text without a block comes back as it is. `dataCorrupt` for a block without its end:
 * nothing is guessed.
 */
export function removeBlock(conf: string): string {
  const begin = conf.indexOf(BLOCK_BEGIN);
  if (begin < 0) return conf;
  const end = conf.indexOf(BLOCK_END, begin);
  if (end < 0) {
    throw new OdoError('dataCorrupt', "postgresql.auto.conf holds the beginning of ODO's settings but not their end", {
      hint: `take out the lines from "${BLOCK_BEGIN}" on by hand`,
    });
  }
  return conf.slice(0, begin) + conf.slice(end + BLOCK_END.length).replace(/^\n/, '');
}

/** The lines of ODO's block; '' when there is none. */
export function blockOf(conf: string): string {
  const begin = conf.indexOf(BLOCK_BEGIN);
  return begin < 0 ? '' : conf.slice(begin, conf.indexOf(BLOCK_END, begin));
}

/** Whether ODO's block turns archiving off. */
export function blockTurnsArchivingOff(conf: string): boolean {
  return setsParameter(blockOf(conf), 'archive_mode');
}

/**
 * Keeps the block's value of max_prepared_transactions in the text without the block. As long as there are prepared
 * transactions, the server does not start with less.
 */
export function keepRoomForPrepared(text: string, withoutBlock: string): string {
  const begin = text.indexOf(BLOCK_BEGIN);
  const block = text.slice(begin, text.indexOf(BLOCK_END, begin));
  const raised = [...block.matchAll(/^max_prepared_transactions = .*$/gm)].at(-1)?.[0];
  return raised === undefined ? withoutBlock : `${endWithNewline(withoutBlock)}${PREPARED_COMMENT}\n${raised}\n`;
}

/** Keeps archiving off beyond the recovery. */
export function addArchiveOff(conf: string): string {
  return `${endWithNewline(conf)}${ARCHIVE_OFF_COMMENT}\narchive_mode = 'off'\n`;
}

/** Whether the text itself sets the parameter (comments do not count). */
export function setsParameter(conf: string, name: string): boolean {
  return new RegExp(`^[ \\t]*${name}[ \\t]*[= \\t]`, 'im').test(conf);
}

/** A value as a configuration file spells it. */
export function quoteValue(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

export function endWithNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
