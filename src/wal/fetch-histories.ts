import { OdoError } from '../errors.ts';
import type { WalArchive } from '../formats/format.ts';
import { type FetchTally, fetchWalFile, type WalSource } from './fetch-wal-file.ts';
import type { SpoolFiles } from './spool-files.ts';
import type { WalPlan } from './wal-plan.ts';

interface HistoriesJob extends WalSource {
  archive: WalArchive;
  plan: Extract<WalPlan, { source: 'archive' }>;
  tally: FetchTally;
}

/**
 * Fetches the timelines' histories that the plan has seen, and tells the restore_command that there are no others. One that is gone is
 * `backupIncomplete`: without it the server would end its recovery on an older timeline.
 */
export async function fetchHistories(job: HistoriesJob, files: SpoolFiles, signal: AbortSignal): Promise<void> {
  const wanted = new Set(job.plan.histories);
  const found = (await job.archive.histories(signal)).filter(({ name }) => wanted.delete(name));
  const [lost] = wanted;
  if (lost !== undefined) {
    throw new OdoError('backupIncomplete', `the WAL archive in ${job.store.url} has lost ${lost}`, {
      hint: 'see what deletes from the archive (a retention policy?), then run again',
    });
  }
  for (const file of found) {
    await fetchWalFile(job, file, files.pathOf(file.name, true), job.tally, signal, files.temporaryOf(file.name));
  }
  files.markHistoriesKnown();
}
