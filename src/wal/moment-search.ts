import type { WalArchive } from '../formats/format.ts';
import type { Moment } from '../postgres/recovery-target.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type ArchivedBackup, listReplay, type ReplayList } from './replay-list.ts';
import type { WalSearch } from './search-wal.ts';
import type { TimelineHistory } from './timeline-path.ts';

/** Which moment is wanted, and of what. */
export interface MomentQuery {
  store: ObjectStore;
  archive: WalArchive;
  /** Complete backups, newest first; only one when the user named it. */
  backups: readonly ArchivedBackup[];
  named: boolean;
  moment: Moment;
  signal?: AbortSignal;
}

/** What all kinds of targets are looked for with. */
export interface MomentSearch extends MomentQuery {
  histories: readonly TimelineHistory[];
  /** Names of the archived histories. */
  archived: readonly string[];
  wal: WalSearch;
}

/** What can be replayed from each backup that leads to the wanted timeline, in the order of the backups. */
export async function* listsOf({ archive, backups, moment, histories, signal }: MomentSearch): AsyncGenerator<ReplayList> {
  for (const backup of backups) {
    const list = await listReplay(archive, backup, moment.timeline, histories, signal);
    if (list) yield list;
  }
}
