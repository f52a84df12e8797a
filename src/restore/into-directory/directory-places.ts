import fs from 'node:fs';
import path from 'node:path';
import type { OldCluster } from '../../cluster/old-cluster.ts';
import { OdoError } from '../../errors.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { probePlace } from '../../tree/exchange/probe.ts';
import { realPath } from '../../tree/places/mounts-inside.ts';
import { ODO_DIR, type Owner } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { DirectoryRequest } from '../contract/request.ts';
import { findLaterTablespaces, placeLater } from '../proofs/later-tablespaces.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import { refuseOverlap, refuseUnknownTablespaces, tablespaceLocation } from '../service/service-places.ts';

/** The owner of the files. Files of root's would be of no use to a server, so root's default is 999:999. */
export function ownerOf(request: DirectoryRequest): Owner | undefined {
  return request.owner ?? (process.getuid?.() === 0 ? { uid: 999, gid: 999 } : undefined);
}

/**
 * Without a service, a tablespace goes where it was only if that directory is there; otherwise the user has to say
 * where.
 */
export function placesOfDirectory(request: DirectoryRequest, backup: Backup | undefined): ClusterPlaces {
  // By its real path, from which the restore_command finds ODO's folder.
  const root = realPath(path.resolve(request.into));
  if (backup) refuseUnknownTablespaces(backup, request.tablespaces);
  const tablespaces = (backup?.tablespaces ?? []).map((tablespace) => {
    const location = path.resolve(tablespaceLocation(tablespace, request.tablespaces));
    if (location === tablespace.location && !fs.existsSync(location)) {
      const name = tablespace.name ?? tablespace.oid;
      throw new OdoError('usage', `tablespace ${name} was at ${location}, which is not there`, {
        hint: `choose a directory with --tablespace ${name}=PATH, or create that one`,
      });
    }
    return { oid: tablespace.oid, place: { root: location, odoDir: path.join(location, ODO_DIR) } };
  });
  const places = { pgdata: { root, odoDir: path.join(root, ODO_DIR) }, tablespaces };
  refuseOverlap(places);
  return places;
}

/** Adds the tablespaces that the replay of WAL will create, at the very paths that they had. */
export async function withLater(
  { store, moment }: DirectoryRequest,
  source: RestoreSource,
  places: ClusterPlaces,
  { oldCluster: old }: Awaited<ReturnType<Engine['probe']>>,
  signal: AbortSignal,
): Promise<ClusterPlaces> {
  const isLikely = places.tablespaces.length > 0;
  const { value: later = [] } = await findLaterTablespaces({ store, source, old, isLikely, signal });
  const created = placeLater(later, places.tablespaces).filter(({ oid, place: { root } }) => {
    if (fs.existsSync(root)) {
      refuseAnothers(root, old, source.backup);
      return true;
    }
    if (moment && later.some((one) => one.oid === oid && one.isPerhaps)) return false;
    throw new OdoError('usage', `tablespace ${oid} was created at ${root} after the backup, and that is not there`, {
      hint:
        'create that directory, since recovery creates the tablespace in it again; or stop before it was ' +
        'created, with --target-time',
    });
  });
  const all = { ...places, tablespaces: [...places.tablespaces, ...created] };
  refuseOverlap(all);
  return all;
}

/**
 * Refuses a tablespace's directory with files of another cluster: on the original's machine they may be in use. Only
 * what belongs to the old data in the directory may be moved.
 * Errors: `unsafeTarget`.
 */
function refuseAnothers(root: string, old: OldCluster | undefined, backup: Backup): void {
  const isOwn =
    old?.systemIdentifier === backup.systemIdentifier && old?.tablespaces.some(({ location }) => location === root);
  if (isOwn || probePlace({ root, odoDir: path.join(root, ODO_DIR) }).empty) return;
  throw new OdoError(
    'unsafeTarget',
    `recovery creates a tablespace at ${root}, and that holds files of another cluster`,
    {
      hint:
        'it may be in use: restore where that directory is empty, or stop before the tablespace was created, ' +
        'with --target-time',
    },
  );
}
