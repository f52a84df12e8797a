import type { PgControl } from '../files/pg-control.ts';
import { defaultsOf } from './required-settings.ts';

/**
 * The postgresql.conf for a cluster whose own lay outside of its data directory, so that no backup has it. Keeps the
 * settings that pg_control knows. The server listens as the images of PostgreSQL do.
 * @param major version of the server
 */
export function madeConfiguration(settings: PgControl['settings'], major: number): string {
  const defaults = defaultsOf(major);
  const known = (Object.keys(defaults) as (keyof PgControl['settings'])[])
    .filter((name) => settings[name] > defaults[name])
    .map((name) => `${name} = ${settings[name]}`);
  return ['# made by odo: the backup has no postgresql.conf', "listen_addresses = '*'", ...known, ''].join('\n');
}

/**
 * The pg_hba.conf for such a cluster: the socket is open for the container's own users, as in the images of PostgreSQL,
 * and all others need a password. `md5` takes passwords that are kept as SCRAM-SHA-256 as well.
 */
export const MADE_HBA = [
  '# made by odo: the backup has no pg_hba.conf',
  'local all all trust',
  'host all all all md5',
  '',
].join('\n');

/** Why the postgresql.conf is made, for people. */
export const NO_CONFIGURATION =
  'the backup has none, since it lay outside of the data directory; see which settings it should have, and ' +
  'give them with --set';
/** Why the pg_hba.conf is made, for people. */
export const NO_HBA =
  'the backup has none; it lets in who is on the server itself, and others with a password. --pg-hba FILE ' +
  'puts another in its place';
