import type { ListOptions, ObjectInfo, ObjectStore } from '../store/object-store.ts';

/** A folder directly under the listed prefix. */
export interface ShallowFolder {
  /** Its name, without slashes; '' for the prefix itself. */
  name: string;
  /** The objects directly in it. */
  objects: ObjectInfo[];
  /** The names of the folders in it. */
  folders: string[];
}

/**
 * What lies directly under `prefix` and directly in its folders, by one listing instead of one for each folder. What lies deeper is stepped
 * over without being listed, however much it is. Folders come in key order.
 */
export async function listShallow(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<ShallowFolder[]> {
  const folders = new Map<string, ShallowFolder>();
  const folderOf = (name: string): ShallowFolder => {
    const folder = folders.get(name) ?? { name, objects: [], folders: [] };
    folders.set(name, folder);
    return folder;
  };

  let startAfter: string | undefined = '';
  while (startAfter !== undefined) {
    const options: ListOptions = { ...(startAfter === '' ? {} : { startAfter }), ...(signal ? { signal } : {}) };
    startAfter = undefined;
    for await (const entry of store.list(prefix, options)) {
      if (entry.kind !== 'object') continue;
      const [first = '', second, ...deeper] = entry.key.slice(prefix.length).split('/');
      if (second === undefined) {
        folderOf('').objects.push(entry);
      } else if (deeper.length === 0) {
        if (second !== '') folderOf(first).objects.push(entry);
      } else if (folderOf(first).folders.at(-1) !== second) {
        folderOf(first).folders.push(second);
        // '~' is the last character of ASCII; the few names beyond it are passed over one by one
        startAfter = `${prefix}${first}/${second}/~`;
        break;
      }
    }
  }
  return [...folders.values()];
}
