import { OdoError } from '../../errors.ts';
import { archivedWords, findArchived } from '../../formats/contract/archived.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { filesToReplay } from './replay-files.ts';
import type { WalPlan } from './wal-plan.ts';

/**
 * `backupIncomplete` for a plan with segments that cannot be read now: the server would come to them in the middle of
 * its recovery, with the old data already out of the way.
 */
export async function refuseArchivedWal(
  store: ObjectStore,
  archive: WalArchive,
  plan: WalPlan,
  signal?: AbortSignal,
): Promise<void> {
  if (plan.source !== 'archive' || plan.inArchive === undefined) return;
  const listed: WalFile[] = [];
  for await (const step of filesToReplay(archive, plan.spans, plan.segmentSizeBytes, signal)) {
    if (step.kind === 'hole') break;
    if (step.file.archived !== undefined) listed.push(step.file);
    if (step.file.name === plan.endSegment) break;
  }
  const words = archivedWords(store, await findArchived(store, listed, signal));
  if (words) throw new OdoError('backupIncomplete', `of the WAL to replay, ${words.reason}`, { hint: words.hint });
}
