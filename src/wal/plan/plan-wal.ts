import { OdoError } from '../../errors.ts';
import type { Backup, WalArchive } from '../../formats/contract/format.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { type ArchivedTimelines, readTimelines } from '../timelines/archived-timelines.ts';
import { findUnplaced } from '../timelines/unplaced-timelines.ts';
import { type EndSearch, findOtherEnds, type Way } from './other-ends.ts';
import { refuseArchivedWal } from './refuse-archived-wal.ts';
import { type ArchivedBackup, listReplay, planUpTo, type ReplayList, startOf } from './replay-list.ts';
import { searchWal } from './search-wal.ts';
import type { WalPlan } from './wal-plan.ts';

/**
 * Finds out which WAL a restore of the backup replays: from its begin_wal to the end of the archive on the newest
 * timeline that leads on from it. `backupIncomplete` when a segment between begin_wal and end_wal is missing: the
 * server could never become consistent. The caller warns of a hole after that, and of what the archive holds beside the
 * way.
 */
export async function planWal(
  store: ObjectStore,
  archive: WalArchive | undefined,
  backup: Backup,
  signal?: AbortSignal,
): Promise<WalPlan> {
  if (backup.wal === 'included' || archive === undefined) return { source: 'included' };
  const { timeline, beginWal } = backup;
  if (timeline === undefined || beginWal === undefined) {
    throw new OdoError('backupIncomplete', `backup ${backup.id} does not say at which WAL segment it begins`, {
      hint: 'choose another backup with --backup',
    });
  }
  const archived: ArchivedBackup = { ...backup, timeline, beginWal, endWal: backup.endWal ?? beginWal };
  const timelines = await readTimelines(store, archive, timeline, signal);
  const list = await listReplay(archive, archived, undefined, timelines.histories, signal);
  if (!list) throw new OdoError('bug', `no way leads on from backup ${backup.id}`);
  const plan = planUpTo(list, list.files.length - 1, timelines);
  await refuseArchivedWal(store, archive, plan, signal);
  const wal = searchWal(store, list.segmentSizeBytes, { signal, systemIdentifier: backup.systemIdentifier });
  const rest = { archive, timelines, histories: timelines.histories, wal, ...(signal ? { signal } : {}) };
  return describeUnplaced(rest, archived, await describeEnds(rest, list, plan));
}

/** Adds the segments that no history leads to, and the histories that cannot be read. */
export async function describeUnplaced(
  { archive, timelines, signal }: { archive: WalArchive; timelines: ArchivedTimelines; signal?: AbortSignal },
  backup: ArchivedBackup,
  plan: WalPlan,
): Promise<WalPlan> {
  if (plan.source !== 'archive') return plan;
  const unplaced = await findUnplaced(archive, backup.timeline, timelines, plan.segmentSizeBytes, signal);
  const unreadable = timelines.unreadable.map(({ reason }) => reason);
  return {
    ...plan,
    ...(unplaced.length === 0 ? {} : { unplaced }),
    ...(unreadable.length === 0 ? {} : { unreadable }),
  };
}

/** Adds the ends of the archive that a plan to the newest timeline leaves out. */
export async function describeEnds(search: EndSearch, list: ReplayList, plan: WalPlan): Promise<WalPlan> {
  // If a hole comes before the branch, no other end can be reached either.
  if (plan.source !== 'archive' || plan.spans.length < list.spans.length) return plan;
  const otherEnds = await findOtherEnds(search, wayOf(list));
  return otherEnds.length === 0 ? plan : { ...plan, otherEnds };
}

/** The way of a replay list. */
export function wayOf(list: ReplayList): Way {
  return { start: startOf(list.backup), spans: list.spans, leftAt: list.leftAt, files: list.files };
}
