import type { ObjectStore } from '../../store/objects/object-store.ts';
import { sortObjects } from '../basebackup/set.ts';
import { type Look, lookInto } from '../contract/look.ts';
import { mapLimit } from '../contract/map-limit.ts';

/** How many folders in `base/` are looked into before it is taken for something else than barman's. */
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

/** Whether a folder is a pg_basebackup set. */
export function isSet(look: Look): boolean {
  return sortObjects(look.objects) !== undefined;
}

/** Folders that other tools make, so that a search that finds nothing can say what it has seen. */
const OTHER_TOOLS: readonly { folders: readonly string[]; tool: string }[] = [
  { folders: ['archive', 'backup'], tool: 'pgBackRest' },
  { folders: ['basebackups_005', 'wal_005'], tool: 'WAL-G' },
];

/** The tool whose repository this looks like, of those that ODO does not read. */
export function otherTool(look: Look): string | undefined {
  return OTHER_TOOLS.find(({ folders }) => folders.every((name) => look.folders.includes(name)))?.tool;
}
