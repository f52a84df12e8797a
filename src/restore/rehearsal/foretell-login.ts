import { OdoError } from '../../errors.ts';
import { type TurnedDown, turnsDown } from '../../postgres/configuration/hba-login.ts';
import type { StagedConfiguration } from '../contract/staged-configuration.ts';
import { loginsOf } from '../database/service-database.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** Variables of the environment that hold a password for psql, or lead to one. */
const PASSWORDS = ['POSTGRES_PASSWORD', 'POSTGRES_PASSWORD_FILE', 'PGPASSWORD', 'PGPASSFILE'];

/**
 * Why the server will turn down all of ODO's logins; undefined unless the pg_hba.conf in its data directory makes that
 * certain. A restore comes to its end without a login, but what only a login can do is left undone.
 */
export function foretellRefusal(staged: StagedConfiguration, server: RehearsedServer): TurnedDown | undefined {
  const hba = ownHba(staged, server);
  if (hba === undefined) return undefined;
  const { env } = server.found.service;
  const hasPassword = PASSWORDS.some((name) => Boolean(env[name]));
  const told = loginsOf(env).map((login) => turnsDown(hba, { ...login, hasPassword }));
  const all = told.filter((one) => one !== undefined);
  return all.length < told.length ? undefined : (all.find(({ isForPassword }) => isForPassword) ?? all[0]);
}

/** The text of the file that decides on logins by the socket, where that is the one in the data directory. */
function ownHba({ effective, members }: StagedConfiguration, server: RehearsedServer): string | undefined {
  const { places, mounts, commandLine, configElsewhere } = server;
  const own = `${places.pgdata.root}/pg_hba.conf`;
  const settings = new Map([...effective.settings, ...Object.entries(commandLine)]);
  const isElsewhere =
    (settings.get('hba_file') ?? own) !== own || mounts.some(({ destination }) => destination === own);
  if (configElsewhere || isElsewhere || settings.get('unix_socket_directories') === '') return undefined;
  const member = members.find(({ path, type }) => path === 'pg_hba.conf' && type === 'file');
  return member?.content ? Buffer.from(member.content, 'base64').toString('utf8') : undefined;
}

/**
 * Refuses a request that certainly cannot be met, since it takes a login.
 * Errors: `usage`.
 */
export function demandLogin(refusal: TurnedDown | undefined, { needsLogin }: RehearsedServer): void {
  if (refusal === undefined || refusal.isForPassword || needsLogin === undefined) return;
  throw new OdoError('usage', `${needsLogin} needs a login, and pg_hba.conf allows ODO none: ${refusal.why}`, {
    hint: `let the local user postgres in with --pg-hba FILE, or leave ${needsLogin} out`,
  });
}

/** The note on the missing login, for people, before the exchange. */
export function withoutLoginNote({ why, isForPassword }: TurnedDown): string {
  const unless = isForPassword ? ', unless the container has a file with a password' : '';
  const then = "recovery is followed by the server's files, and the contents are not looked at";
  return `pg_hba.conf allows ODO no login: ${why}${unless}; ${then}`;
}
