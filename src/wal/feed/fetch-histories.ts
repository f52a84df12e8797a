import { OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { historyName } from '../../postgres/terms/wal-names.ts';
import type { WalPlan } from '../plan/wal-plan.ts';
import { type FetchTally, fetchWalFile, type WalSource } from './fetch-wal-file.ts';
import type { SpoolFiles } from './spool-files.ts';

interface HistoriesJob extends WalSource {
  archive: WalArchive;
  plan: Extract<WalPlan, { source: 'archive' }>;
  tally: FetchTally;
}

/**
 * Fetches the timelines' histories that the plan has seen, and tells the restore_command that there are no others.
 * `backupIncomplete` when one is gone: without it the server would end its recovery on an older timeline.
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
  for (const timeline of job.plan.passedOver ?? []) files.keep(historyName(timeline), takenNumber(timeline));
  files.markHistoriesKnown();
}

/**
 * The text that the server is given as the history of a timeline whose number must not go to its own new timeline. The
 * server only looks whether there is such a history, since it was told which timeline to follow, and that is an older
 * one. Source: PostgreSQL, src/backend/access/transam/timeline.c, findNewestTimeLine and existsTimeLineHistory.
 */
export function takenNumber(timeline: number): string {
  return `# odo: the archive has WAL of timeline ${timeline} or of a newer one, so that this number is taken\n`;
}
