import { type Mount, mountHolding } from '../../docker/client/mount.ts';
import type { Place } from '../../tree/places/place.ts';
import type { FoundService } from './found-service.ts';

/**
 * The given mounts of a service, and those that hold the places which an earlier restore has filled. A place without a
 * mount is left out: the engine names it.
 */
export function withMountsOf(
  { service }: Pick<FoundService, 'service'>,
  mounts: readonly Mount[],
  places: readonly Place[] = [],
): Mount[] {
  const all = [...mounts];
  for (const { root } of places) {
    const mount = mountHolding(service.mounts, root)?.mount;
    const isNew = mount !== undefined && !all.some(({ destination }) => destination === mount.destination);
    if (isNew && mount.type !== 'tmpfs') all.push(mount);
  }
  return all;
}
