import path from 'node:path';
import type { Mount } from '../../docker/client/mount.ts';
import { isMountedFile } from '../../docker/compose/mounted-file.ts';
import { OdoError } from '../../errors.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { FoundService } from './found-service.ts';
import type { DataPlace } from './service-places.ts';

// A file that the service mounts into its data directory, a configuration file as a rule, lies over whatever has its
// name there, whenever the service's container runs. ODO's own container does not mount it, so that the exchange moves
// what lies below.

/** Names that the server or ODO writes itself. A mounted file would take their place. */
const SERVERS_OWN =
  /^(postgresql\.auto\.conf|PG_VERSION|.*\.signal|backup_label.*|tablespace_map.*|postmaster\..*|current_logfiles)$/;
const SERVERS_DIRECTORIES = /^(base|global|pg_\w+)\//;

/**
 * Refuses mounts inside of the data directory, except for files of the user's.
 * Errors: `unsafeTarget`.
 */
export async function refuseMountedInside(
  found: Pick<FoundService, 'docker' | 'service'>,
  data: DataPlace,
): Promise<void> {
  for (const mount of data.inside ?? []) {
    const name = path.posix.relative(data.place.root, mount.destination);
    const isServers = SERVERS_OWN.test(name) || SERVERS_DIRECTORIES.test(name);
    if (!isServers && mount.type === 'bind' && (await isMountedFile(found.docker, found.service, mount))) continue;
    throw mountedInside(found.service.name, mount, isServers);
  }
}

function mountedInside(service: string, mount: Mount, isServers: boolean): OdoError {
  const what = mount.source || mount.type;
  return new OdoError(
    'unsafeTarget',
    `service ${service} mounts ${what} inside its data directory, at ${mount.destination}`,
    {
      hint: isServers
        ? 'that name is the server’s own: take the mount out of the compose file'
        : 'a data directory is exchanged as a whole; move that mount out of it, and link to it after the restore',
    },
  );
}

/** Whether the server reads a postgresql.conf that is mounted over that of the backup. */
export function configurationIsMounted({ inside = [] }: DataPlace): boolean {
  return inside.some(({ destination }) => path.posix.basename(destination) === 'postgresql.conf');
}

/**
 * The probe of a data directory, without the empty files that the engine puts where files of the service are mounted. A
 * directory that holds nothing else is empty.
 */
export function withoutMountPoints({ place, inside = [] }: DataPlace, probe: PlaceProbe): PlaceProbe {
  const names = inside.map(({ destination }) => path.posix.relative(place.root, destination).split('/')[0]);
  const isNew = probe.pgVersion === undefined && probe.journalState === undefined;
  return isNew && probe.sample.every((name) => names.includes(name)) ? { ...probe, empty: true } : probe;
}
