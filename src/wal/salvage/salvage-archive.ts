import fs from 'node:fs';
import path from 'node:path';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { isSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { createDirectoryStore } from '../../store/kinds/directory.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';

/** A beginning that no key of a repository has. */
const KEY_PREFIX = '\0salvage/';

/**
 * An archive together with segments that were set aside. A segment that the archive has is taken from it, and any other
 * from the directory. Each listing looks into the directory anew, so that it may be filled later.
 */
export function withSalvage(
  archive: WalArchive,
  store: ObjectStore,
  directory: string,
): { archive: WalArchive; store: ObjectStore } {
  const local = createDirectoryStore(directory);
  const overlay: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
    read: (key: string, options: Parameters<ObjectStore['read']>[1]) =>
      key.startsWith(KEY_PREFIX) ? local.read(key.slice(KEY_PREFIX.length), options) : store.read(key, options),
  });
  return {
    archive: {
      ...archive,
      async *segments(timeline, fromSegment, signal) {
        const aside = salvagedIn(directory).filter(
          (file) => timelineOfName(file.name) === timeline && file.name >= fromSegment,
        );
        for await (const file of archive.segments(timeline, fromSegment, signal)) {
          while (aside[0] && aside[0].name < file.name) yield aside.shift() as WalFile;
          if (aside[0]?.name === file.name) aside.shift();
          yield file;
        }
        yield* aside;
      },
    },
    store: overlay,
  };
}

/** The segments in a directory, in order. */
export function salvagedIn(directory: string): WalFile[] {
  if (!fs.existsSync(directory)) return [];
  const names = fs.readdirSync(directory).filter(isSegmentName).sort();
  return names.map((name) => ({
    name,
    key: `${KEY_PREFIX}${name}`,
    sizeBytes: fs.statSync(path.join(directory, name)).size,
    layers: [],
  }));
}
