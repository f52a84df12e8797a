import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';
import { mapLimit } from '../../map-limit.ts';
import { type HistoryEntry, parseTimelineHistory, withoutOvertaken } from '../../postgres/terms/timeline-history.ts';
import { timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { eitherTwin } from '../archive/either-twin.ts';
import { encryptionOf } from '../archive/encryption.ts';
import { readWalFile } from '../archive/read-wal-file.ts';
import type { TimelineHistory } from './timeline-path.ts';

/** A timeline history as it was found in the archive. */
export interface ArchivedHistory extends TimelineHistory {
  /** When the archive got it: about the moment of the promotion that began the timeline. */
  archivedAt?: Date;
}

const PARALLEL_READS = 16;

/**
 * Reads timeline histories, in the order of the files. `dataCorrupt` for one that cannot be read, or that names no
 * ancestor.
 */
export async function readHistories(
  store: ObjectStore,
  files: readonly WalFile[],
  signal?: AbortSignal,
): Promise<ArchivedHistory[]> {
  return mapLimit(files, PARALLEL_READS, async (file) => ({
    timeline: timelineOfName(file.name),
    ancestors: await eitherTwin(file, async (object) => parse(await readWalFile(store, object, signal), file.name)),
    ...(file.archivedAt === undefined ? {} : { archivedAt: file.archivedAt }),
  }));
}

/** Parses a history. Only the first timeline has no ancestor. An upload that was cut leaves an empty file. */
function parse(content: Buffer, name: string): HistoryEntry[] {
  const encryption = encryptionOf(content);
  if (encryption !== undefined)
    throw new OdoError('dataCorrupt', `${name} is encrypted (${encryption}), which ODO does not read`);
  const ancestors = parseTimelineHistory(content.toString('utf8'), name);
  const parent = ancestors.at(-1)?.timeline;
  const own = timelineOfName(name);
  if (parent === undefined && own > 1)
    throw new OdoError('dataCorrupt', `${name} names no timeline that it comes from`);
  if (parent !== undefined && parent >= own)
    throw new OdoError('dataCorrupt', `${name}: timeline ${own} comes after ${parent}`);
  return withoutOvertaken(ancestors);
}
