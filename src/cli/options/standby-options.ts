import fs from 'node:fs';
import { OdoError } from '../../errors.ts';
import type { Standby } from '../../postgres/configuration/recovery-settings.ts';
import type { Arguments } from './argument-values.ts';

/** Options that end in a promotion, or lead to a place where there is no standby. */
const CONTRADICTING = [
  'into',
  'temporary',
  'new-volume',
  'post-sql',
  'target-time',
  'target-lsn',
  'target-xid',
  'target-name',
  'target',
];

/**
 * The standby that the command line asks for. undefined when the restored server is to be promoted. For the primary's
 * address, a flag wins over a file, and a file over the environment.
 */
export function standbyRequest(args: Arguments, env: NodeJS.ProcessEnv): Standby | undefined {
  const flags = ['primary-conninfo', 'primary-conninfo-file'] as const;
  if (args.standby !== true) {
    const given = flags.find((name) => args[name] !== undefined);
    if (given === undefined) return undefined;
    throw new OdoError('usage', `--${given} means nothing without --standby`, { hint: 'add -S to restore a standby' });
  }
  const clash = CONTRADICTING.find((name) => args[name] !== undefined && args[name] !== false);
  if (clash !== undefined) {
    throw new OdoError('usage', `--standby and --${clash} contradict each other`, {
      hint: 'a standby stays in recovery, on the volume of its service, until odo promote',
    });
  }
  const several = flags.find((name) => Array.isArray(args[name]));
  if (several !== undefined)
    throw new OdoError('usage', `--${several} is given more than once`, { hint: 'give it once' });
  const file = args['primary-conninfo-file'];
  const flag = args['primary-conninfo'];
  const conninfo =
    flag !== undefined ? String(flag) : file !== undefined ? readConninfo(String(file)) : env.PRIMARY_CONNINFO;
  if (conninfo === undefined || (conninfo === '' && flag === undefined)) return {};
  // The text itself is never repeated: it may hold a password.
  if (conninfo.trim() === '' || /[\n\r\0]/.test(conninfo) || !/=|^postgres(ql)?:\/\//.test(conninfo)) {
    throw new OdoError('usage', 'what is given of the primary is no connection string', {
      hint: 'such as "host=10.0.0.5 user=replicator passfile=/etc/pgpass", in one line',
    });
  }
  return { primaryConninfo: conninfo.trim() };
}

/** Whether a connection string holds a password. */
export function holdsPassword(conninfo: string): boolean {
  return /password\s*=|:\/\/[^/@]*:[^/@]*@/i.test(conninfo);
}

function readConninfo(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new OdoError(
      'usage',
      `cannot read ${file}, which --primary-conninfo-file names (${(cause as NodeJS.ErrnoException).code})`,
      {
        hint: 'name a file that is there and holds one line',
        cause,
      },
    );
  }
}
