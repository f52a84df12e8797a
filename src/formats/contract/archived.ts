import { mapLimit } from '../../map-limit.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { Backup } from './format.ts';

const PARALLEL_HEADS = 32;

/** An object as a listing told of it. */
interface Listed {
  key: string;
  archived?: string;
}

/**
 * Those of the objects that cannot be read now. A listing does not tell which were brought back from the archive; a
 * HEAD does.
 */
export async function findArchived<T extends Listed>(
  store: ObjectStore,
  objects: readonly T[],
  signal?: AbortSignal,
): Promise<T[]> {
  const listed = objects.filter(({ archived }) => archived !== undefined);
  const stillThere = await mapLimit(
    listed,
    PARALLEL_HEADS,
    async ({ key }) => (await store.head(key, signal))?.archived !== undefined,
  );
  return listed.filter((_, index) => stillThere[index]);
}

/** Words for objects that lie in an archive, and for what helps; undefined when there are none. */
export function archivedWords(
  store: ObjectStore,
  archived: readonly Listed[],
): { reason: string; hint: string } | undefined {
  const [first] = archived;
  if (!first) return undefined;
  const classes = [...new Set(archived.map((object) => object.archived))].join(', ');
  const object = `${store.url}/${first.key}`;
  const what =
    archived.length === 1 ? `${object} lies` : `${archived.length} objects, ${object} the first of them, lie`;
  return {
    reason: `${what} in an archive storage class (${classes}) and cannot be read now`,
    hint:
      'bring each of them back first (aws s3api restore-object), which takes hours; list tells when they can ' +
      'be read',
  };
}

/**
 * Judges a complete backup whose parts may lie in an archive: then it cannot be restored now. Its reason tells what
 * helps, too: where a backup is passed over, there is no hint.
 */
export async function judgeArchived(store: ObjectStore, backup: Backup, signal?: AbortSignal): Promise<Backup> {
  if (backup.state !== 'complete') return backup;
  const words = archivedWords(store, await findArchived(store, backup.parts, signal));
  if (!words) return backup;
  return { ...backup, state: 'unsupported', reason: `${words.reason}: aws s3api restore-object brings it back` };
}
