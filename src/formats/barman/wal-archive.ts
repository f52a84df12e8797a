import { isHistoryName, isSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ListedEntry, ListOptions, ObjectInfo, ObjectStore } from '../../store/objects/object-store.ts';
import { splitLayers } from '../../stream/bytes/layers.ts';
import type { WalArchive, WalFile } from '../contract/format.ts';

/** A folder named by timeline and log number, with which the names of its segments begin. */
const FOLDER = /^[0-9A-F]{16}$/;

/**
 * The WAL archive of a barman repository: `wals/<first 16 digits>/<24 digits>[.<codec>]` and `wals/<8
 * digits>.history[.<codec>]`. Beside the segments lie `….partial` and `….<8 digits>.backup` files, which are not WAL to
 * replay. Source: barman, barman/xlog.py (hash_dir, is_any_xlog_file) and barman/cloud.py
 * (CloudBackupCatalog.get_wal_paths).
 */
export function openBarmanWalArchive(store: ObjectStore, root: string): WalArchive {
  const wals = `${root}wals/`;

  return {
    async histories(signal) {
      const byTimeline = new Map<number, WalFile>();
      const firstFolders = new Map<number, string>();
      const note = (object: ObjectInfo) => {
        const file = toWalFile(object);
        if (!file || !isHistoryName(file.name)) return;
        const timeline = timelineOfName(file.name);
        const twin = byTimeline.get(timeline);
        if (twin) addTwin(twin, file);
        else byTimeline.set(timeline, file);
      };
      for await (const entry of store.list(wals, { delimiter: '/', ...signalOption(signal) })) {
        if (entry.kind === 'object') note(entry);
        else noteFolder(firstFolders, entry.prefix.slice(wals.length, -1), entry.prefix);
      }
      // Some tools file a history with its timeline's first segments.
      for (const [timeline, folder] of firstFolders) {
        if (timeline === 1 || byTimeline.has(timeline)) continue;
        for await (const entry of store.list(
          folder + folder.slice(wals.length, wals.length + 8),
          signalOption(signal),
        )) {
          if (entry.kind !== 'object' || !isHistoryName(toWalFile(entry)?.name ?? '')) break;
          note(entry);
        }
      }
      return [...byTimeline.values()].sort((a, b) => a.name.localeCompare(b.name));
    },

    async timelines(signal) {
      const firstFolders = new Map<number, string>();
      for await (const entry of store.list(wals, { delimiter: '/', ...signalOption(signal) })) {
        if (entry.kind === 'prefix') noteFolder(firstFolders, entry.prefix.slice(wals.length, -1), entry.prefix);
      }
      return [...firstFolders.keys()].sort((a, b) => a - b);
    },

    async *segments(timeline, fromSegment, signal) {
      const prefix = wals + timeline.toString(16).toUpperCase().padStart(8, '0');
      // A beginning of the name sorts before the name itself, whatever its extension.
      const startAfter = `${wals}${fromSegment.slice(0, 16)}/${fromSegment.slice(0, -1)}`;
      for await (const file of joinTwins(store.list(prefix, { startAfter, ...signalOption(signal) }))) {
        if (file.name >= fromSegment) yield file;
      }
    },

    async slices(count, signal) {
      const folders: string[] = [];
      for await (const entry of store.list(wals, { delimiter: '/', ...signalOption(signal) })) {
        const name = entry.kind === 'prefix' ? entry.prefix.slice(wals.length, -1) : '';
        if (FOLDER.test(name)) folders.push(name);
      }
      const size = Math.max(1, Math.ceil(folders.length / count));
      const starts = Array.from({ length: Math.ceil(folders.length / size) }, (_, index) => index * size);
      return starts.map((start) => listFolders(store, wals, folders.slice(start, start + size), signal));
    },

    async beside(name, signal) {
      const folder = isSegmentName(name) ? `${name.slice(0, 16)}/` : '';
      const found: string[] = [];
      for await (const entry of store.list(wals + folder + name, signalOption(signal))) {
        if (entry.kind === 'object' && !toWalFile(entry)) found.push(entry.key.slice(entry.key.lastIndexOf('/') + 1));
      }
      // The name of a backup's label begins with a segment's name.
      return found.filter((other) => !other.endsWith('.backup') && !/\.backup\./.test(other));
    },
  };
}

/** The segments in some neighbouring folders, by one listing. */
async function* listFolders(
  store: ObjectStore,
  wals: string,
  folders: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<WalFile> {
  const end = `${wals}${folders.at(-1)}0`; // '0' is the character after '/'.
  yield* joinTwins(until(store.list(wals, { startAfter: wals + folders[0], ...signalOption(signal) }), end));
}

async function* until(entries: AsyncIterable<ListedEntry>, end: string): AsyncGenerator<ListedEntry> {
  for await (const entry of entries) {
    if (entry.kind === 'object' && entry.key >= end) return;
    yield entry;
  }
}

/** The segments among objects in the order of their keys. Those of one name follow each other, and count as one. */
async function* joinTwins(entries: AsyncIterable<ListedEntry>): AsyncGenerator<WalFile> {
  let last: WalFile | undefined;
  for await (const entry of entries) {
    const file = entry.kind === 'object' ? toWalFile(entry) : undefined;
    if (!file || !isSegmentName(file.name)) continue;
    if (last?.name === file.name) {
      addTwin(last, file);
      continue;
    }
    if (last) yield last;
    last = file;
  }
  if (last) yield last;
}

function addTwin(file: WalFile, twin: WalFile): void {
  file.twins = [...(file.twins ?? []), twin];
}

function toWalFile(object: ObjectInfo): WalFile | undefined {
  const { stem, layers } = splitLayers(object.key.slice(object.key.lastIndexOf('/') + 1));
  if (!isSegmentName(stem) && !isHistoryName(stem)) return undefined;
  const file: WalFile = { name: stem, key: object.key, sizeBytes: object.sizeBytes, layers };
  if (object.etag !== undefined) file.etag = object.etag;
  if (object.archived !== undefined) file.archived = object.archived;
  if (object.lastModified !== undefined) file.archivedAt = object.lastModified;
  return file;
}

function noteFolder(firstFolders: Map<number, string>, name: string, prefix: string): void {
  if (!FOLDER.test(name)) return;
  const timeline = Number.parseInt(name.slice(0, 8), 16);
  if (!firstFolders.has(timeline)) firstFolders.set(timeline, prefix);
}

function signalOption(signal: AbortSignal | undefined): Pick<ListOptions, 'signal'> {
  return signal ? { signal } : {};
}
