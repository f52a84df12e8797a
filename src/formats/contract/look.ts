import type { ObjectInfo, ObjectStore } from '../../store/objects/object-store.ts';
import { parentPrefix } from './folder-name.ts';

/** What lies directly in a folder, as far as it was listed. */
export interface Look {
  /** '' or ending in '/'. */
  prefix: string;
  objects: ObjectInfo[];
  /** The names of the folders in it, without slashes. */
  folders: string[];
}

/** The most rows of one folder that are read: more folders or objects would say nothing else. */
const MAX_ROWS = 5000;

/** Lists one level of a folder. */
export async function lookInto(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<Look> {
  const look: Look = { prefix, objects: [], folders: [] };
  let rows = 0;
  for await (const entry of store.list(prefix, { delimiter: '/', ...(signal ? { signal } : {}) })) {
    if (entry.kind === 'prefix') look.folders.push(entry.prefix.slice(prefix.length, -1));
    // A "folder" made in a console is an empty object of the prefix's own name.
    else if (entry.key !== prefix) look.objects.push(entry);
    if (++rows === MAX_ROWS) break;
  }
  return look;
}

/** The folder that a URL's key means: the key itself, or what holds it when it is an object. */
export async function folderOfKey(store: ObjectStore, key: string, signal?: AbortSignal): Promise<string> {
  if (key === '' || key.endsWith('/')) return key;
  let isObject = false;
  for await (const entry of store.list(key, { delimiter: '/', ...(signal ? { signal } : {}) })) {
    if (entry.kind === 'prefix' && entry.prefix === `${key}/`) return `${key}/`;
    if (entry.kind === 'object' && entry.key === key) isObject = true;
    // Only a few characters sort between `key` and `key/`, such as '.' and '-'.
    if ((entry.kind === 'prefix' ? entry.prefix : entry.key) > `${key}/`) break;
  }
  return isObject ? parentPrefix(key) : `${key}/`;
}
