import path from 'node:path';
import { OdoError } from '../../errors.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Layout } from '../../tree/places/layout.ts';
import type { Place } from '../../tree/places/place.ts';
import type { Finding } from '../contract/proofs.ts';
import type { FoundService } from './found-service.ts';
import { type DataPlace, isBelow } from './service-places.ts';

/**
 * Refuses, before anything is touched, a place that cannot be exchanged by renames: one with a mount inside of it, one
 * on two mounts, or a link to another volume.
 * Errors: `unsafeTarget`.
 */
export function refuseLayout({ root, odoDir }: Place, layout: Layout | undefined): void {
  if (!layout) return;
  const [inside] = layout.mounted ?? [];
  if (inside !== undefined) {
    throw new OdoError('unsafeTarget', `something is mounted inside of ${root}, at ${inside}`, {
      hint:
        'a directory is exchanged as a whole, by renames: unmount that for the restore, or mount it elsewhere ' +
        'and put a link in its place',
    });
  }
  if (layout.leadsNowhere !== undefined) {
    throw new OdoError('unsafeTarget', `${root} is a link to ${layout.leadsNowhere}, which is not on the same volume`, {
      hint: 'set PGDATA to the directory itself, and name the volume that holds it with -v',
    });
  }
  if (!layout.isApart) return;
  throw new OdoError(
    'unsafeTarget',
    `${root} is a mount of its own, apart from ${odoDir}, so that nothing can be renamed between them`,
    {
      hint: 'mount that directory itself in the compose file, and name it with -v',
    },
  );
}

/**
 * Finds the data directory of a service by its real path, so that ODO, the server and the restore_command mean the same
 * by it.
 * Errors: `unsafeTarget` when it cannot be exchanged, or leads to another volume.
 */
export function proveLayout({ data, service }: FoundService, { layout }: PlaceProbe): Finding<DataPlace> {
  const { place, mount } = data;
  refuseLayout(place, layout);
  const root = layout?.realRoot ?? place.root;
  if (root !== mount.destination && !isBelow(root, mount.destination)) {
    throw new OdoError('unsafeTarget', `the data directory ${place.root} of service ${service.name} leads to ${root}`, {
      hint:
        `that is not on ${mount.source}: set PGDATA to the directory itself, and name the volume that holds it ` +
        'with -v',
    });
  }
  // The mounts inside, by their real paths, too.
  const inside = data.inside?.map((one) => ({
    ...one,
    destination: path.posix.join(root, path.posix.relative(place.root, one.destination)),
  }));
  const value = { ...data, place: { ...place, root }, ...(inside ? { inside } : {}) };
  const link = root === place.root ? `${root} is no link` : `${place.root} leads to ${root}`;
  if (layout?.walLink === undefined) return { evidence: `${link}, and nothing is mounted inside`, value };
  return {
    state: 'warning',
    evidence:
      `${link}; pg_wal is a link to ${layout.walLink}: the restored one will be a directory beside the rest, ` +
      'and what is there stays',
    value,
  };
}
