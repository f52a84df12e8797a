import type { Report } from '../../events.ts';
import type { SalvageSurvey } from '../../wal/salvage/salvage-survey.ts';

/** Tells what was found in the old data's WAL behind the end of the archive. */
export function tellSalvage(survey: SalvageSurvey | undefined, report: Report): void {
  if (!survey) return;
  const { salvage, archiveEnd, because } = survey;
  const message = salvage
    ? `the old data's WAL goes on behind ${archiveEnd} to ${salvage.endLsn}: ${salvage.commits} commits in ` +
      `${salvage.segments} segments are taken along (it ends there: ${because})`
    : `nothing of the old data's WAL goes on behind ${archiveEnd}: ${because}`;
  report({ type: 'note', level: 'info', message });
}
