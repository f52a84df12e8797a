import path from 'node:path';
import { type Mount, mountHolding } from '../../docker/client/mount.ts';
import type { Service } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import type { Backup, Tablespace } from '../../formats/contract/format.ts';
import { commandLineDirectory, commandLineSettings } from '../../postgres/configuration/command-line.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import { ODO_DIR, type Owner, type Place } from '../../tree/places/place.ts';
import type { ClusterPlaces, TablespacePlace } from '../contract/places.ts';

const DEFAULT_PGDATA = '/var/lib/postgresql/data';
const DEFAULT_OWNER: Owner = { uid: 999, gid: 999 };

/** The data directory of a service, as its server sees it, and the volume that holds it. */
export interface DataPlace {
  place: Place;
  mount: Mount;
  /** Further mounts of the service inside of the data directory. */
  inside?: Mount[];
}

/**
 * The data directory that the server's command line or PGDATA names. What `-D` names may be a folder of configuration
 * alone, unless it lies on a mount that can be written to.
 */
export function toldDirectory({ commandArgs, env, mounts }: Service): string | undefined {
  const directory = commandLineDirectory(commandArgs);
  const holder = directory === undefined ? undefined : mountHolding(mounts, directory)?.mount;
  const isData = holder !== undefined && !holder.readOnly;
  return commandLineSettings(commandArgs).get('data_directory') ?? (isData ? directory : env.PGDATA);
}

/**
 * Finds the data directory, as the server's command line or PGDATA names it, within the volume that the user named. The
 * restore container mounts the volume at the same path as the service does.
 */
export function locateData(service: Service, volume: Mount): DataPlace {
  const holds = (directory: string) =>
    mountHolding(service.mounts, directory)?.mount.destination === volume.destination;
  const told = toldDirectory(service);
  const pgdata = path.posix
    .normalize(told ?? (holds(DEFAULT_PGDATA) ? DEFAULT_PGDATA : volume.destination))
    .replace(/(?<=.)\/$/, '');
  if (!holds(pgdata)) {
    const holder = mountHolding(service.mounts, pgdata)?.mount;
    throw new OdoError(
      'serviceNotFound',
      `the data directory ${pgdata} of service ${service.name} is not on the volume at ${volume.destination}`,
      {
        hint: holder
          ? `it is on ${holder.source || 'an anonymous volume'} at ${holder.destination}: name that with -v`
          : 'mount a volume there, or set PGDATA to a path on the volume',
      },
    );
  }
  if (volume.readOnly) {
    throw new OdoError('serviceNotFound', `service ${service.name} mounts ${volume.source} read-only`, {
      hint: 'a server cannot run on it',
    });
  }
  const inside = service.mounts.filter(({ destination }) => isBelow(destination, pgdata));
  const place = { root: pgdata, odoDir: path.posix.join(volume.destination, ODO_DIR) };
  return { place, mount: volume, ...(inside.length > 0 ? { inside } : {}) };
}

/** Where a tablespace is to go: by the user's word for its name, OID or old path, else where it was. */
export function tablespaceLocation(tablespace: Tablespace, chosen: ReadonlyMap<string, string>): string {
  const { name, oid, location } = tablespace;
  return (
    (name === undefined ? undefined : chosen.get(name)) ?? chosen.get(String(oid)) ?? chosen.get(location) ?? location
  );
}

/** A `--tablespace` that names none of the backup's tablespaces is a mistake, and better told than passed over. */
export function refuseUnknownTablespaces(backup: Backup, chosen: ReadonlyMap<string, string>): void {
  const known = new Set(backup.tablespaces.flatMap(({ name, oid, location }) => [name, String(oid), location]));
  const unknown = [...chosen.keys()].find((key) => !known.has(key));
  if (unknown === undefined) return;
  const names = backup.tablespaces.map(({ name, oid, location }) => `${name ?? oid} (${location})`);
  throw new OdoError('usage', `backup ${backup.id} has no tablespace ${unknown}`, {
    hint: names.length > 0 ? `its tablespaces are ${names.join(', ')}` : 'it has no tablespaces',
  });
}

/** Tablespaces of a service: each must lie on a volume that the service mounts. */
export function locateTablespaces(service: Service, backup: Backup, chosen: ReadonlyMap<string, string>) {
  refuseUnknownTablespaces(backup, chosen);
  return backup.tablespaces.map((tablespace) => {
    const root = tablespaceLocation(tablespace, chosen);
    const mount = mountHolding(service.mounts, root)?.mount;
    if (!mount || mount.type === 'tmpfs' || mount.source === '' || mount.readOnly) {
      throw new OdoError(
        'serviceNotFound',
        `tablespace ${tablespace.name ?? tablespace.oid} belongs at ${root}, where service ${service.name} ` +
          'mounts no volume that it may write to',
        {
          hint:
            'mount a volume there, or choose a place on a volume with --tablespace ' +
            `${tablespace.name ?? tablespace.oid}=PATH`,
        },
      );
    }
    return { oid: tablespace.oid, place: { root, odoDir: path.posix.join(root, ODO_DIR) }, mount };
  });
}

/**
 * Every directory is exchanged by itself, so none may lie in another one (PostgreSQL itself warns of a tablespace
 * inside the data directory).
 */
export function refuseOverlap({ pgdata, tablespaces }: ClusterPlaces): void {
  const all = [
    { name: 'the data directory', root: pgdata.root, isLater: false },
    ...tablespaces.map(({ oid, place, isLater }) => ({ name: `tablespace ${oid}`, root: place.root, isLater })),
  ];
  for (const [index, one] of all.entries()) {
    const other = all
      .slice(index + 1)
      .find(({ root }) => isSameOrBelow(root, one.root) || isSameOrBelow(one.root, root));
    if (!other) continue;
    throw new OdoError('unsafeTarget', `${one.name} at ${one.root} and ${other.name} at ${other.root} overlap`, {
      hint:
        one.isLater || other.isLater
          ? 'it was created after the backup, and recovery creates it there again; stop before that, with --target-time'
          : 'choose a directory of its own for each with --tablespace NAME=PATH',
    });
  }
}

export function isBelow(file: string, directory: string): boolean {
  const relative = path.posix.relative(directory, file);
  return relative !== '' && relative !== '..' && !relative.startsWith('../');
}

function isSameOrBelow(file: string, directory: string): boolean {
  return path.posix.relative(directory, file) === '' || isBelow(file, directory);
}

/** The mounts that the restore container needs: each once. */
export function mountsOf(data: DataPlace, tablespaces: readonly { mount: Mount }[]): Mount[] {
  const byDestination = new Map([data, ...tablespaces].map(({ mount }) => [mount.destination, mount]));
  return [...byDestination.values()];
}

/**
 * The places of a service's cluster.
 * Errors: `unsafeTarget` when the directories overlap.
 */
export function placesOfService(data: DataPlace, tablespaces: readonly TablespacePlace[]): ClusterPlaces {
  const known = tablespaces.map(({ oid, place, isLater }) => ({ oid, place, ...(isLater ? { isLater } : {}) }));
  const places = { pgdata: data.place, tablespaces: known };
  refuseOverlap(places);
  return places;
}

/** The name by which a service names the user that it runs as; undefined when it names none, or one by number. */
export function namedUser({ user = '' }: Pick<Service, 'user'>): string | undefined {
  const [name = ''] = user.split(':');
  return name === '' || name === 'root' || /^\d+$/.test(name) ? undefined : name;
}

/**
 * Chooses who is to own the files, by the first of these that is known:
 * - what the user says.
 * - the user that the service runs as.
 * - the owner of the old data, as whom its server ran.
 * - the image's own postgres user.
 * - 999:999, as in the official images.
 * For a service without a container, or with one that was never started, the image's user comes before the owner of the
 * old data: the service may have got another image since its server ran. Debian's postgres is 999, Alpine's is 70.
 * @param imageUser the image's user of the service's own name, or else its `postgres`
 */
export function chooseOwner(
  asked: Owner | undefined,
  service: Service,
  probe: PlaceProbe | undefined,
  imageUser: Owner | undefined,
): { owner: Owner; because: string } {
  if (asked) return { owner: asked, because: 'as asked for' };
  const runsAs = 'the user that the service runs as';
  const numeric = /^(\d+)(?::(\d+))?$/.exec(service.user ?? '');
  if (numeric && numeric[1] !== '0') {
    return { owner: { uid: Number(numeric[1]), gid: Number(numeric[2] ?? numeric[1]) }, because: runsAs };
  }
  if (imageUser && namedUser(service) !== undefined) return { owner: imageUser, because: runsAs };
  const ofImage = imageUser && { owner: imageUser, because: "the image's postgres user" };
  if (ofImage && service.containers.every(({ neverStarted }) => neverStarted)) return ofImage;
  const old = probe?.pgVersion === undefined ? undefined : probe.owner;
  if (old && old.uid !== 0) return { owner: old, because: 'as the old data' };
  return ofImage ?? { owner: DEFAULT_OWNER, because: 'as in the official images' };
}
