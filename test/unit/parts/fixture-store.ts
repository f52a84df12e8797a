import { existsSync, readFileSync } from 'node:fs';
import { type MemoryObject, MemoryStore } from './memory-store.ts';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

/**
 * A real repository as its listing.jsonl tells it: every key with its size, etag and time; content where the fixture
 * keeps it, whole or as `.head`. `change` may take objects away or add some first.
 */
export function fixtureStore(
  format: 'barman' | 'basebackup',
  change: (objects: Map<string, MemoryObject>) => void = () => {},
): MemoryStore {
  const folder = new URL(`${format}/`, FIXTURES);
  const objects = new Map<string, MemoryObject>();
  for (const line of readFileSync(new URL('listing.jsonl', folder), 'utf8').trim().split('\n')) {
    const row = JSON.parse(line) as { key: string; sizeBytes: number; etag?: string; lastModified: string };
    const object: MemoryObject = { sizeBytes: row.sizeBytes, lastModified: new Date(row.lastModified) };
    if (row.etag !== undefined) object.etag = row.etag;
    const file = [row.key, `${row.key}.head`].map((name) => new URL(name, folder)).find((url) => existsSync(url));
    if (file) object.content = readFileSync(file);
    objects.set(row.key, object);
  }
  change(objects);
  return new MemoryStore(objects);
}

/** The ids of a server's folders in the fixture, in order: they are the times at which make.sh ran. */
export function folderNames(store: MemoryStore, prefix: string): string[] {
  const names = [...store.objects.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).split('/')[0] ?? '');
  return [...new Set(names)];
}
