import type { WalFile } from '../formats/format.ts';
import { mapLimit } from '../formats/map-limit.ts';
import { parseTimelineHistory } from '../postgres/timeline-history.ts';
import { timelineOfName } from '../postgres/wal-names.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { readWalFile } from './read-wal-file.ts';
import type { TimelineHistory } from './timeline-path.ts';

/** A timeline history as it was found in the archive. */
export interface ArchivedHistory extends TimelineHistory {
  /** When the archive got it: about the moment of the promotion that began the timeline. */
  archivedAt?: Date;
}

const PARALLEL_READS = 16;

/** Reads timeline histories; in the order of the files. An unreadable one is dataCorrupt. */
export async function readHistories(
  store: ObjectStore,
  files: readonly WalFile[],
  signal?: AbortSignal,
): Promise<ArchivedHistory[]> {
  return mapLimit(files, PARALLEL_READS, async (file) => ({
    timeline: timelineOfName(file.name),
    ancestors: parseTimelineHistory((await readWalFile(store, file, signal)).toString('utf8'), file.name),
    ...(file.archivedAt === undefined ? {} : { archivedAt: file.archivedAt }),
  }));
}
