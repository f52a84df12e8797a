import { asOdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import type { HistoryEntry } from '../../postgres/terms/timeline-history.ts';
import { historyName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readHistories } from './read-histories.ts';

/**
 * The ancestors of the archive's timeline of that number. undefined where its history is not there, or damaged, which
 * other checks report.
 */
export async function archivedPath(
  store: ObjectStore,
  archive: WalArchive,
  timeline: number,
  signal: AbortSignal,
): Promise<readonly HistoryEntry[] | undefined> {
  const file = (await archive.histories(signal)).find(({ name }) => name === historyName(timeline));
  if (!file) return undefined;
  try {
    const [history] = await readHistories(store, [file], signal);
    return history?.ancestors;
  } catch (error) {
    if (asOdoError(error, signal).code !== 'dataCorrupt') throw error;
    return undefined;
  }
}
