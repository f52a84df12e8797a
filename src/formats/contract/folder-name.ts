import type { ObjectStore } from '../../store/objects/object-store.ts';

/** The last component of `prefix` ('' or ending in '/'). For the store's root, that of the store's URL. */
export function folderName(store: ObjectStore, prefix: string): string {
  const path = prefix === '' ? store.url.replace(/\/+$/, '') : prefix.slice(0, -1);
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The prefix of the folder that holds the folder or object at `key`: '' or ending in '/'. */
export function parentPrefix(key: string): string {
  return key.slice(0, key.replace(/\/$/, '').lastIndexOf('/') + 1);
}
