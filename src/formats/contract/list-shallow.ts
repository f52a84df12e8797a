import { mapLimit } from '../../map-limit.ts';
import { compareKeys } from '../../store/objects/key-order.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from '../../store/objects/object-store.ts';

/** A folder directly under the listed prefix. */
export interface ShallowFolder {
  /** Its name, without slashes; '' for the prefix itself. */
  name: string;
  /** The objects directly in it. */
  objects: ObjectInfo[];
  /** The names of the folders in it. */
  folders: string[];
}

/** As many rows as a page of S3 has. A prefix with no more is listed by one listing, in as few requests as can be. */
const FIRST_ROWS = 1000;
const PARALLEL_LISTINGS = 8;
/** The fewest folders for which a slice is worth a listing of its own. */
const LEAST_FOLDERS = 100;

type Folders = Map<string, ShallowFolder>;

/**
 * The objects and folders directly under `prefix`, and directly in its folders, by one listing instead of one for each
 * folder. Deeper objects are stepped over without being listed, however many there are. If there is more than a page,
 * the names of the folders are listed first, and then their content in slices, several at once. Folders come in key
 * order.
 */
export async function listShallow(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<ShallowFolder[]> {
  const first: Folders = new Map();
  const restAfter = await listSlice(store, prefix, first, { maxRows: FIRST_ROWS }, signal);
  if (restAfter === undefined) return [...first.values()];

  const starts = await sliceStarts(store, prefix, restAfter, signal);
  const slices = await mapLimit([...starts.entries()], PARALLEL_LISTINGS, async ([index, startAfter]) => {
    const folders: Folders = new Map();
    const upTo = starts[index + 1];
    await listSlice(store, prefix, folders, upTo === undefined ? { startAfter } : { startAfter, upTo }, signal);
    return folders;
  });
  for (const { name, objects, folders } of slices.flatMap((slice) => [...slice.values()])) {
    const folder = folderOf(first, name);
    folder.objects.push(...objects);
    folder.folders.push(...folders.filter((other) => !folder.folders.includes(other)));
  }
  return [...first.values()];
}

/** The keys that are listed: behind `startAfter`, up to `upTo`, at most `maxRows` of them. */
interface Slice {
  startAfter?: string;
  upTo?: string;
  maxRows?: number;
}

/** Lists a slice. Gives the last key that was listed when there may be more of them. */
async function listSlice(
  store: ObjectStore,
  prefix: string,
  folders: Folders,
  { startAfter: start, upTo, maxRows = Number.POSITIVE_INFINITY }: Slice,
  signal?: AbortSignal,
): Promise<string | undefined> {
  let rows = 0;
  let startAfter = start ?? '';
  for (let isOver = false; !isOver; ) {
    const options: ListOptions = { ...(startAfter === '' ? {} : { startAfter }), ...(signal ? { signal } : {}) };
    isOver = true;
    for await (const entry of store.list(prefix, options)) {
      if (entry.kind !== 'object') continue;
      if (upTo !== undefined && compareKeys(entry.key, upTo) > 0) return undefined;
      const [first = '', second, ...deeper] = entry.key.slice(prefix.length).split('/');
      if (second === undefined) {
        folderOf(folders, '').objects.push(entry);
      } else if (deeper.length === 0) {
        if (second !== '') folderOf(folders, first).objects.push(entry);
      } else if (folderOf(folders, first).folders.at(-1) !== second) {
        folderOf(folders, first).folders.push(second);
        // '~' is the last character of ASCII. The few names beyond it are passed over one by one.
        startAfter = `${prefix}${first}/${second}/~`;
        isOver = false;
      }
      rows += 1;
      if (rows === maxRows) return isOver ? entry.key : startAfter;
      if (!isOver) break;
    }
  }
  return undefined;
}

/**
 * The keys behind which slices of the keys after `restAfter` begin. A slice ends with the name of the folder that the
 * next one begins with: everything in that folder sorts behind its name.
 */
async function sliceStarts(
  store: ObjectStore,
  prefix: string,
  restAfter: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of store.list(prefix, {
    delimiter: '/',
    startAfter: restAfter,
    ...(signal ? { signal } : {}),
  })) {
    const name = entry.kind === 'prefix' ? entry.prefix.slice(0, -1) : '';
    if (compareKeys(name, restAfter) > 0) names.push(name);
  }
  const size = Math.max(LEAST_FOLDERS, Math.ceil(names.length / PARALLEL_LISTINGS));
  return [restAfter, ...names.filter((_, index) => index > 0 && index % size === 0)];
}

function folderOf(folders: Folders, name: string): ShallowFolder {
  const folder = folders.get(name) ?? { name, objects: [], folders: [] };
  folders.set(name, folder);
  return folder;
}
