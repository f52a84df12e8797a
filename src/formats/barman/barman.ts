import { OdoError } from '../../errors.ts';
import { mapLimit } from '../../map-limit.ts';
import { segmentsBetween } from '../../postgres/terms/wal-names.ts';
import type { ObjectInfo, ObjectStore } from '../../store/objects/object-store.ts';
import { readWhole } from '../../store/reading/read-whole.ts';
import { judgeArchived } from '../contract/archived.ts';
import { byEndTime } from '../contract/choose.ts';
import { folderName } from '../contract/folder-name.ts';
import type { Backup, Format, Repository } from '../contract/format.ts';
import { listShallow, type ShallowFolder } from '../contract/list-shallow.ts';
import { demandAnyReadable, faultOfBackup } from '../contract/read-fault.ts';
import { tarContent } from '../contract/tar-content.ts';
import { type BackupFolder, toBackup } from './backup.ts';
import { parseBackupInfo } from './backup-info.ts';
import { findParts } from './parts.ts';
import { barmanAround, isBarmanRoot } from './recognise.ts';
import { mayRepeat } from './repeated-members.ts';
import { openBarmanWalArchive } from './wal-archive.ts';

const PARALLEL_READS = 48;
const MAX_INFO_BYTES = 8 * 1024 * 1024;

/**
 * The repositories of barman-cloud-backup and barman-cloud-wal-archive, which CloudNativePG uses too:
 * `base/<id>/backup.info` with the tars beside it, and `wals/`.
 */
export const barman: Format = {
  name: 'barman',
  about: 'repositories of barman-cloud (CloudNativePG)',
  async recognise(store, look, signal) {
    return (await isBarmanRoot(store, look, signal)) ? { root: look.prefix } : undefined;
  },
  around: barmanAround,
  isPiece: ({ objects }) =>
    objects.some(({ key }) => key.endsWith('backup.info')) ? { of: 'barman', missing: 'base/ and wals/' } : undefined,
  async open(store, root): Promise<Repository> {
    const server = folderName(store, root);
    return {
      ref: { format: 'barman', root },
      server,
      catalogue: (signal) => readCatalogue(store, root, server, signal),
      glance: async (backup) => backup,
      describe: async (backup) => backup,
    };
  },
  walArchive: async (store, root) => openBarmanWalArchive(store, root),
  async content(store, root, { id, tablespaces }, { signal }) {
    const folder = (await listShallow(store, `${root}base/${id}/`, signal)).find(({ name }) => name === '');
    return tarContent(findParts(folder?.objects ?? [], tablespaces).parts);
  },
  mayRepeat,
};

async function readCatalogue(
  store: ObjectStore,
  root: string,
  server: string,
  signal?: AbortSignal,
): Promise<Backup[]> {
  const listed = await listShallow(store, `${root}base/`, signal);
  const folders = listed.filter((folder) => folder.name !== '' && isBackup(folder));
  const now = Date.now();
  const faults: unknown[] = [];
  const backups = await mapLimit(folders, PARALLEL_READS, async ({ name, objects, folders }): Promise<Backup> => {
    const object = objects.find(isInfo);
    const info = object && (await readInfo(store, object, faults, signal));
    const told = toBackup({ id: name, objects, plainDirectory: folders.includes('data'), info }, server, now);
    const backup = await judgeArchived(store, told, signal);
    const waiting = info !== undefined && 'status' in info && info.status === 'WAITING_FOR_WALS';
    return waiting && backup.state === 'complete' ? proveWal(store, root, backup, signal) : backup;
  });
  demandAnyReadable(backups.length, faults);
  return backups.sort(byEndTime);
}

function isBackup({ objects, folders }: ShallowFolder): boolean {
  const { parts, unknown } = findParts(objects, undefined);
  return parts.length > 0 || unknown.length > 0 || folders.includes('data') || objects.some(isInfo);
}

function isInfo({ key }: ObjectInfo): boolean {
  return key.endsWith('/backup.info');
}

/** Reads a backup.info. undefined when the object is no longer there, as when the backup is being deleted. */
async function readInfo(
  store: ObjectStore,
  object: ObjectInfo,
  faults: unknown[],
  signal?: AbortSignal,
): Promise<BackupFolder['info']> {
  try {
    return parseBackupInfo((await readWhole(store, object, { maxBytes: MAX_INFO_BYTES, signal })).toString('utf8'));
  } catch (error) {
    if (error instanceof OdoError && error.code === 'notFound') return undefined;
    faults.push(error);
    return faultOfBackup(error);
  }
}

/** Judges a backup whose WAL barman was still waiting for: it is complete when the WAL has arrived. */
async function proveWal(store: ObjectStore, root: string, backup: Backup, signal?: AbortSignal): Promise<Backup> {
  const { timeline, beginWal, endWal, walSegmentSizeBytes } = backup;
  if (timeline === undefined || beginWal === undefined || endWal === undefined) return backup;
  const wanted = segmentsBetween(beginWal, endWal, walSegmentSizeBytes);
  let next = wanted.next();
  for await (const file of openBarmanWalArchive(store, root).segments(timeline, beginWal, signal)) {
    if (next.done || file.name !== next.value) break;
    next = wanted.next();
  }
  if (next.done) return backup;
  return {
    ...backup,
    state: 'running',
    reason: `its status is WAITING_FOR_WALS, and ${next.value} is not in the archive yet`,
  };
}
