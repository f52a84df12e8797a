import { mapLimit } from '../../map-limit.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { Recognised } from '../contract/format.ts';
import { type Look, lookInto } from '../contract/look.ts';

/** How many folders in `base/` are looked into before it counts as something else than barman's. */
const SAMPLE = 40;
const PARALLEL_LISTINGS = 16;

/**
 * Whether a folder is the root of a barman repository: it holds `wals/` with WAL, or `base/` with a folder that has a
 * backup.info. (A `base/` may also be a pg_basebackup set of that name, or hold such sets.)
 */
export async function isBarmanRoot(store: ObjectStore, look: Look, signal?: AbortSignal): Promise<boolean> {
  if (look.folders.includes('wals')) {
    const wals = await lookInto(store, `${look.prefix}wals/`, signal);
    const hasWal =
      wals.folders.some((name) => /^[0-9A-F]{16}$/.test(name)) ||
      wals.objects.some(({ key }) => /\/[0-9A-F]{8}\.history/.test(key));
    if (hasWal) return true;
  }
  if (!look.folders.includes('base')) return false;
  const base = await lookInto(store, `${look.prefix}base/`, signal);
  const sample = await mapLimit(base.folders.slice(-SAMPLE), PARALLEL_LISTINGS, (name) =>
    lookInto(store, `${base.prefix}${name}/`, signal),
  );
  return sample.some(({ objects }) => objects.some(({ key }) => key.endsWith('/backup.info')));
}

/** The repository whose `base/` or `wals/` a folder is, or lies in. Tells the backup, too, if the folder is in one. */
export async function barmanAround(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<Recognised | undefined> {
  const components = prefix.split('/').slice(0, -1);
  for (const [index, component] of [...components.entries()].reverse()) {
    if (component !== 'base' && component !== 'wals') continue;
    const above = components.slice(0, index);
    const root = above.map((name) => `${name}/`).join('');
    if (!(await isBarmanRoot(store, await lookInto(store, root, signal), signal))) continue;
    const backupId = component === 'base' ? components[index + 1] : undefined;
    return { root, ...(backupId === undefined ? {} : { backupId }) };
  }
  return undefined;
}
