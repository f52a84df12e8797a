import type { Mount } from '../../docker/client/mount.ts';
import { volumeExists } from '../../docker/compose/volume.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { CopyRequest, ServiceRequest } from '../contract/request.ts';
import { isLeftWaiting } from '../contract/request.ts';
import { copyServerArgs, sharedMounts } from '../service/copy-places.ts';
import type { FoundService } from '../service/found-service.ts';
import { type MadeAtStart, madeAtStartOf } from '../service/made-at-start.ts';
import { configurationIsMounted } from '../service/mounted-files.ts';

/** A server that will run on what was laid down, and what may be done to its configuration. */
export interface RehearsedServer {
  found: FoundService;
  places: ClusterPlaces;
  owner: Owner;
  /** Everything that the server will see besides its data directory, where it will see it. */
  mounts: readonly Mount[];
  /** Settings of its command line. */
  commandLine: Readonly<Record<string, string>>;
  /** It reads its postgresql.conf from elsewhere than the data directory, or from a mount over it. */
  configElsewhere: boolean;
  /** Names that the user has given a value. */
  ownSettings: readonly string[];
  keepSettings: boolean;
  /** The option that asks for something which only a login can do. */
  needsLogin?: '--post-sql' | '--verify full';
  /** What the start of the service makes; not given for a server that is started in another way. */
  madeAtStart?: MadeAtStart;
  /** The libraries that the service's own server has, as far as they are known. */
  libraries?: readonly string[];
  /** The service's own server runs meanwhile, and holds memory that the restored one will have. */
  isBesideAnother: boolean;
}

/** What the proofs have found out of a server that is to be rehearsed. */
export interface ServerToRehearse extends Pick<RehearsedServer, 'found' | 'places' | 'owner' | 'mounts'> {
  server: ServerFacts;
  /** The data directory is there already, so that something can be mounted over it. */
  isThere?: boolean;
}

/** The server that a restore will start, for its rehearsal. */
export async function rehearsedServer(
  request: ServiceRequest | CopyRequest,
  proven: ServerToRehearse,
): Promise<RehearsedServer> {
  const { found, places, owner, mounts, isThere = false } = proven;
  const { service } = found;
  const isTemporary = 'copy' in request && request.copy.kind === 'temporary';
  // A new volume is for the service, so the service's own command line counts.
  const args = isTemporary ? copyServerArgs(service, places.pgdata.root, true) : service.commandArgs;
  return {
    found,
    places,
    owner,
    mounts: await mountsBesides(found, mounts, isThere),
    commandLine: Object.fromEntries(commandLineSettings(args)),
    configElsewhere: commandLineSettings(args).has('config_file') || configurationIsMounted(found.data),
    ownSettings: request.settings.map(([name]) => name),
    keepSettings: request.keepSettings,
    ...needOf(request),
    // A copy's server is started without the service's entry point.
    ...('copy' in request ? {} : { madeAtStart: madeAtStartOf(found) }),
    ...('copy' in request || !proven.server.libraries ? {} : { libraries: proven.server.libraries }),
    isBesideAnother: 'online' in request && request.online,
  };
}

/**
 * The option for which ODO needs a login. A server that is left waiting is asked nothing, whatever is to be verified. A
 * copy is never left waiting.
 */
export function needOf(request: ServiceRequest | CopyRequest): Pick<RehearsedServer, 'needsLogin'> {
  if (request.postSql !== undefined) return { needsLogin: '--post-sql' };
  const isAsked = request.verify === 'full' && ('copy' in request || !isLeftWaiting(request));
  return isAsked ? { needsLogin: '--verify full' } : {};
}

/**
 * The mounts that the server will see besides its data directory. A volume that is not there yet is left out, since the
 * engine would make it. Left out, too, are tablespaces and the volume of a data directory that is still to be made.
 */
async function mountsBesides(
  { docker, service, data }: FoundService,
  own: readonly Mount[],
  isThere: boolean,
): Promise<Mount[]> {
  const { destination: holder } = data.mount;
  const isWanted = ({ destination }: Mount) => {
    if (destination === data.place.root) return false;
    return destination === holder ? isThere : !own.some((one) => one.destination === destination);
  };
  const wanted = sharedMounts(service).filter(isWanted);
  const there = await Promise.all(
    wanted.map(async ({ type, source }) => type !== 'volume' || volumeExists(docker, source)),
  );
  return wanted.filter((_mount, index) => there[index]);
}
