import type { OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import type { Moment } from '../../postgres/configuration/recovery-target.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { type ArchivedBackup, hasOwnWal, lacksOwnWal, listReplay, type ReplayList } from '../plan/replay-list.ts';
import type { WalSearch } from '../plan/search-wal.ts';
import type { ArchivedTimelines } from '../timelines/archived-timelines.ts';
import type { TimelineHistory } from '../timelines/timeline-path.ts';

/** The moment that is wanted, and where it is looked for. */
export interface MomentQuery {
  store: ObjectStore;
  archive: WalArchive;
  /** Complete backups, newest first; only one when the user named it. */
  backups: readonly ArchivedBackup[];
  named: boolean;
  moment: Moment;
  signal?: AbortSignal;
}

/** The means by which all kinds of targets are looked for. */
export interface MomentSearch extends MomentQuery {
  histories: readonly TimelineHistory[];
  timelines: ArchivedTimelines;
  wal: WalSearch;
  /** Backups by id that could not be taken, since WAL of their own is missing; newest first. */
  passedOver: Map<string, OdoError>;
}

/** Lists of what can be replayed, for each backup that leads to the wanted timeline, in the order of the backups. */
export async function* allLists({
  archive,
  backups,
  moment,
  histories,
  signal,
}: MomentSearch): AsyncGenerator<ReplayList> {
  for (const backup of backups) {
    const list = await listReplay(archive, backup, moment.timeline, histories, signal);
    if (list) yield list;
  }
}

/**
 * As allLists(), without the backups that lack WAL of their own. These are noted in passedOver. `backupIncomplete` when
 * it is the backup that was named.
 */
export async function* listsOf(search: MomentSearch): AsyncGenerator<ReplayList> {
  for await (const list of allLists(search)) {
    if (hasOwnWal(list)) yield list;
    else {
      const error = lacksOwnWal(list);
      if (search.named) throw error;
      search.passedOver.set(list.backup.id, error);
    }
  }
}
