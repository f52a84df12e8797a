import type { Backup, WalArchive } from '../../formats/contract/format.ts';
import { formatLsn, parseSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { hasOwnWal, isArchived, listReplay } from '../../wal/plan/replay-list.ts';
import { readTimelines } from '../../wal/timelines/archived-timelines.ts';
import type { Accounted } from '../contract/old-data-survey.ts';

/**
 * The positions up to which recovery from a backup can come on each of the archive's timelines. A restore to a moment
 * goes less far, so what it leaves out is to be had again as far as this. WAL behind a hole is not, nor is a timeline
 * that no way leads to.
 */
export async function archivedEnds(
  store: ObjectStore,
  archive: WalArchive,
  backup: Backup,
  signal: AbortSignal,
): Promise<Accounted[]> {
  if (!isArchived(backup)) return [];
  const { histories, withWal } = await readTimelines(store, archive, backup.timeline, signal);
  const ends: Accounted[] = [];
  for (const timeline of withWal) {
    const list = await listReplay(archive, backup, timeline, histories, signal);
    // A hole on the way there ends the list on an earlier timeline, which has a list of its own.
    const last =
      list && hasOwnWal(list) ? list.files.findLast(({ name }) => timelineOfName(name) === timeline) : undefined;
    if (!list || !last) continue;
    const { segmentNumber } = parseSegmentName(last.name, list.segmentSizeBytes);
    ends.push({ timeline, lsn: formatLsn(BigInt(segmentNumber + 1) * BigInt(list.segmentSizeBytes)) });
  }
  return ends;
}
