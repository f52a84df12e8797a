import type { PgControl } from '../files/pg-control.ts';
import type { EffectiveSettings } from './configuration-file.ts';

/** The defaults of these settings in a server. */
export function defaultsOf(major: number): PgControl['settings'] {
  return {
    max_connections: 100,
    max_worker_processes: 8,
    max_wal_senders: 10,
    max_prepared_transactions: 0,
    max_locks_per_transaction: major >= 19 ? 128 : 64,
  };
}

/** A setting that recovery demands more of than the server has. */
export interface TooLow {
  name: keyof PgControl['settings'];
  needed: number;
  /** What the server would have; undefined when part of its configuration cannot be seen. */
  has?: number;
}

/**
 * Finds the settings of pg_control that the server has less of. If its configuration cannot be seen as a whole, also
 * those that it does not set for sure. Source: https://www.postgresql.org/docs/current/hot-standby.html
 * (administrator's overview); PostgreSQL's xlogrecovery.c, CheckRequiredParameterValues
 * @param major version of the server
 */
export function findTooLow(
  needed: PgControl['settings'],
  { settings, isWhole }: EffectiveSettings,
  major: number,
): TooLow[] {
  const defaults = defaultsOf(major);
  return (Object.keys(defaults) as TooLow['name'][]).flatMap((name): TooLow[] => {
    const told = settings.get(name);
    if (!isWhole && told === undefined) return [{ name, needed: needed[name] }];
    const has = told === undefined ? defaults[name] : Number(told);
    return has >= needed[name] ? [] : [{ name, needed: needed[name], has }];
  });
}
