import type { Options } from 'yargs';
import { OdoError } from '../../errors.ts';
import type {
  Moment,
  RecoveryTarget,
  TargetAction,
  TargetTimeline,
} from '../../postgres/configuration/recovery-target.ts';
import { parseTargetTime, parseTimeZone } from '../../postgres/configuration/target-time.ts';
import { respellLsn } from '../../postgres/terms/wal-names.ts';
import type { Arguments } from './argument-values.ts';

/** Options that say to which moment a restore goes. */
export const TARGET_OPTIONS = {
  'target-time': {
    type: 'string',
    requiresArg: true,
    describe: "recover to this time: ISO 8601 or PostgreSQL's spelling, with an offset from UTC or --timezone",
  },
  timezone: { type: 'string', requiresArg: true, describe: 'time zone of --target-time: UTC, Europe/Berlin, +02:00' },
  'target-lsn': {
    type: 'string',
    requiresArg: true,
    describe: 'recover to this position in the WAL, such as 0/5000123',
  },
  'target-xid': { type: 'string', requiresArg: true, describe: 'recover to the end of this transaction' },
  'target-name': {
    type: 'string',
    requiresArg: true,
    describe: 'recover to this restore point (pg_create_restore_point)',
  },
  target: { choices: ['immediate'], describe: 'immediate: recover to the end of the backup, no farther' },
  'target-timeline': {
    type: 'string',
    requiresArg: true,
    describe: 'timeline to follow: latest (that leads on from the backup), current (its own), or a number',
  },
  'target-exclusive': {
    type: 'boolean',
    default: false,
    describe: 'stop just before the target instead of just after it',
  },
  'target-action': {
    choices: ['promote', 'pause', 'shutdown'],
    describe: 'at the target: promote (default); pause, to look around before odo promote; or shut down',
  },
} as const satisfies Record<string, Options>;

const KINDS = ['target-time', 'target-lsn', 'target-xid', 'target-name', 'target'] as const;
/** The first id of a transaction. Ids below belong to the cluster's own beginnings. */
const FIRST_XID = 3;
const MAX_NAME_BYTES = 63;

/** The moment that the command line asks for. Nothing when that is the end of the archive. */
export function targetRequest(args: Arguments): { moment?: Moment; timeline?: TargetTimeline } {
  const given = KINDS.filter((name) => args[name] !== undefined);
  const timeline = timelineOf(one(args, 'target-timeline'));
  const [kind, other] = given;
  if (other !== undefined)
    throw wrong(`--${kind} and --${other} contradict each other`, 'a restore goes to one moment');
  const exclusive = args['target-exclusive'] === true;
  const action = args['target-action'] as TargetAction | undefined;
  if (kind === undefined) {
    if (exclusive || action !== undefined) {
      const name = exclusive ? 'target-exclusive' : 'target-action';
      throw wrong(
        `--${name} is given without a target`,
        `give one of ${KINDS.map((option) => `--${option}`).join(', ')}`,
      );
    }
    return timeline === undefined ? {} : { timeline };
  }
  if (exclusive && (kind === 'target-name' || kind === 'target')) {
    throw wrong(
      `--target-exclusive has no meaning with --${kind}`,
      'it goes with --target-time, --target-lsn and --target-xid',
    );
  }
  if (args['post-sql'] !== undefined && action !== undefined && action !== 'promote') {
    throw wrong(
      `--post-sql and --target-action ${action} contradict each other`,
      'a server that waits in recovery takes no changes',
    );
  }
  const copy = ['temporary', 'new-volume'].find((name) => args[name] !== undefined && args[name] !== false);
  if (copy !== undefined && action !== undefined && action !== 'promote') {
    throw wrong(
      `--${copy} and --target-action ${action} contradict each other`,
      'a copy beside the service is there to be looked at anyway',
    );
  }
  const moment: Moment = { target: targetOf(kind, args), exclusive, action: action ?? 'promote' };
  return { moment: timeline === undefined ? moment : { ...moment, timeline } };
}

function targetOf(kind: (typeof KINDS)[number], args: Arguments): RecoveryTarget {
  const value = one(args, kind) ?? '';
  switch (kind) {
    case 'target-time': {
      const zone = one(args, 'timezone');
      return { kind: 'time', time: parseTargetTime(value, zone === undefined ? undefined : parseTimeZone(zone)) };
    }
    case 'target-lsn':
      return { kind: 'lsn', lsn: lsnOf(value) };
    case 'target-xid':
      return { kind: 'xid', xid: xidOf(value) };
    case 'target-name':
      if (Buffer.byteLength(value) > MAX_NAME_BYTES) {
        throw wrong(
          `--target-name has ${Buffer.byteLength(value)} bytes, and a restore point ${MAX_NAME_BYTES} at most`,
          'check the name',
        );
      }
      return { kind: 'name', name: value };
    case 'target':
      return { kind: 'immediate' };
  }
}

function lsnOf(value: string): string {
  try {
    return respellLsn(value.trim());
  } catch {
    throw wrong(
      `--target-lsn wants a position such as 0/5000123, not ${value}`,
      "it is what PostgreSQL's pg_current_wal_lsn() gives",
    );
  }
}

/**
 * A transaction's id as WAL has it, with the lower 32 bits alone. pg_current_xact_id() may give the epoch before them.
 */
function xidOf(value: string): string {
  const xid = /^\d{1,19}$/.test(value.trim()) ? Number(BigInt(value.trim()) & 0xffffffffn) : 0;
  if (xid < FIRST_XID) {
    throw wrong(
      `--target-xid wants the id of a transaction, not ${value}`,
      "it is a number, as PostgreSQL's pg_current_xact_id() gives it",
    );
  }
  return String(xid);
}

function timelineOf(value: string | undefined): TargetTimeline | undefined {
  if (value === undefined || value === 'latest' || value === 'current') return value;
  const number = /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= 0xffffffff) return number;
  throw wrong(`--target-timeline wants latest, current or a number, not ${value}`, 'such as --target-timeline 2');
}

function one(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (Array.isArray(value)) throw wrong(`--${name} is given ${value.length} times`, 'give it once');
  if (value === '') throw wrong(`--${name} is empty`, 'odo --help tells what it takes');
  return value === undefined ? undefined : String(value);
}

function wrong(message: string, hint: string): OdoError {
  return new OdoError('usage', message, { hint });
}
