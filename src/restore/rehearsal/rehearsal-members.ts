import { REQUIRED_DIRECTORIES } from '../../cluster/base-members.ts';
import type { TarMember } from '../../docker/client/make-tar.ts';
import { mountHolding } from '../../docker/client/mount.ts';
import type { RehearsalQuestion } from '../../docker/containers/rehearsal-container.ts';
import { REHEARSAL_SETTINGS } from '../../docker/containers/rehearsal-script.ts';
import { MADE_HBA } from '../../postgres/configuration/made-configuration.ts';
import type { StagedConfiguration } from '../contract/staged-configuration.ts';
import { isBelow } from '../service/service-places.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** A data directory as far as a server looks at it before it recovers. */
export function rehearsalMembers({ members }: StagedConfiguration, { mounts, places }: RehearsedServer): TarMember[] {
  // Mounts of the service inside its data directory stand in the place of the backup's files.
  const inside = mounts.map(({ destination }) => destination).filter((one) => isBelow(one, places.pgdata.root));
  const isMounted = (path: string) => {
    const full = `${places.pgdata.root}/${path}`;
    return inside.some((one) => full === one || isBelow(full, one));
  };
  const directory = (path: string): TarMember => ({ path, type: 'directory', mode: 0o700 });
  return [
    directory(''),
    ...['base', ...REQUIRED_DIRECTORIES].filter((path) => !isMounted(path)).map(directory),
    ...members
      .filter((member) => !isMounted(member.path))
      .map(({ content, ...member }) => ({
        ...member,
        ...(content === undefined ? {} : { content: Buffer.from(content, 'base64') }),
      })),
    { path: 'recovery.signal', type: 'file', mode: 0o600 },
  ];
}

/** Files that take the place of all the configuration of a backup. */
export const BARE_MEMBERS: readonly TarMember[] = [
  { path: 'postgresql.conf', type: 'file', mode: 0o600, content: Buffer.from('') },
  { path: 'postgresql.auto.conf', type: 'file', mode: 0o600, content: Buffer.from('') },
  { path: 'pg_hba.conf', type: 'file', mode: 0o600, content: Buffer.from(MADE_HBA) },
];

/** How the server is called; `withoutHuge` has it do without huge pages, whatever its configuration says. */
export function rehearsalArgs(
  staged: StagedConfiguration,
  { commandLine }: RehearsedServer,
  withoutHuge: boolean,
): string[] {
  const settings = new Map(staged.effective.settings);
  // A passphrase may come from anywhere, the network too.
  const asksForPassphrase = settings.get('ssl_passphrase_command') || commandLine.ssl_passphrase_command;
  const own = { ...(withoutHuge ? { huge_pages: 'off' } : {}), ...(asksForPassphrase ? { ssl: 'off' } : {}) };
  return Object.entries({ ...commandLine, ...REHEARSAL_SETTINGS, ...own }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
}

/**
 * The question about a place. In the rehearsal nothing that is mounted can be written to. So where the server will be
 * able to write, it is only asked whether the place is there.
 */
export function placeQuestion(
  what: RehearsalQuestion['what'],
  of: string,
  { mounts, places }: RehearsedServer,
): RehearsalQuestion {
  if (what !== 'write' && what !== 'make') return { what, of };
  const holder = mountHolding(mounts, of)?.mount;
  const isScratch = isBelow(of, places.pgdata.root) || of === places.pgdata.root;
  if (holder === undefined || holder.readOnly || isScratch) return { what, of };
  return { what: what === 'write' ? 'directory' : 'parent', of };
}
