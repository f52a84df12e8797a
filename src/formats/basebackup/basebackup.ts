import { OdoError } from '../../errors.ts';
import { mapLimit } from '../../map-limit.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { judgeArchived } from '../contract/archived.ts';
import { byEndTime } from '../contract/choose.ts';
import { folderName, parentPrefix } from '../contract/folder-name.ts';
import type { Backup, Format, Part, Repository } from '../contract/format.ts';
import { listShallow } from '../contract/list-shallow.ts';
import { demandAnyReadable, faultOfBackup } from '../contract/read-fault.ts';
import { tarContent } from '../contract/tar-content.ts';
import { needsLabel, type SetHead, toBackup } from './backup.ts';
import { describe } from './describe.ts';
import { readSetLabel } from './label.ts';
import { partsOf, sortObjects } from './set.ts';

const PARALLEL_READS = 16;

/**
 * Sets of `pg_basebackup -Ft`. Each lies in a folder of its own below the repository's root, or directly in the root
 * when it is the only one. A set is named as its folder is. Its WAL travels with it.
 */
export const basebackup: Format = {
  name: 'basebackup',
  about: 'sets of pg_basebackup -Ft',
  async recognise(store, { prefix, objects }) {
    if (sortObjects(objects) === undefined) return undefined;
    // A set at the very top of the store has no folder above it.
    return { root: parentPrefix(prefix), backupId: folderName(store, prefix) };
  },
  async open(store, root): Promise<Repository> {
    return {
      ref: { format: 'basebackup', root },
      server: folderName(store, root),
      catalogue: (signal) => readCatalogue(store, root, signal),
      glance: (backup, signal) => describe(store, backup, 'glance', signal),
      describe: (backup, signal) => describe(store, backup, 'full', signal),
    };
  },
  walArchive: async () => undefined,
  async content(store, root, { id }, { signal }) {
    // A set that lies directly in the repository's root is named as the root is.
    const prefixes = id === folderName(store, root) ? [`${root}${id}/`, root] : [`${root}${id}/`];
    for (const prefix of prefixes) {
      const folder = (await listShallow(store, prefix, signal)).find(({ name }) => name === '');
      const set = folder && sortObjects(folder.objects);
      if (set) return tarContent(partsOf(set));
    }
    return tarContent([]);
  },
};

async function readCatalogue(store: ObjectStore, root: string, signal?: AbortSignal): Promise<Backup[]> {
  const server = folderName(store, root);
  const now = Date.now();
  const sets = (await listShallow(store, root, signal)).flatMap(({ name, objects }) => {
    const set = sortObjects(objects);
    return set ? [{ id: name === '' ? server : name, set, objects }] : [];
  });
  const faults: unknown[] = [];
  const backups = await mapLimit(sets, PARALLEL_READS, async ({ id, set, objects }) => {
    const base = needsLabel(set);
    const head = base && (await readHead(store, base, faults, signal));
    return judgeArchived(store, toBackup(id, server, set, head, objects, now), signal);
  });
  demandAnyReadable(backups.length, faults);
  return backups.sort(byEndTime);
}

async function readHead(store: ObjectStore, base: Part, faults: unknown[], signal?: AbortSignal): Promise<SetHead> {
  try {
    return (await readSetLabel(store, base, signal)) ?? 'no label';
  } catch (error) {
    if (error instanceof OdoError && error.code === 'notFound') return { unreadable: 'its base.tar has disappeared' };
    faults.push(error);
    return faultOfBackup(error);
  }
}
