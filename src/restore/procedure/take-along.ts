import type { Report } from '../../events.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { Engine } from '../contract/engine.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { tellSalvage } from '../outcome/tell-salvage.ts';

/** Sets aside the old data's WAL from behind the end of the archive, and tells of it. */
export async function takeAlong(
  engine: Pick<Engine, 'takeSalvage'>,
  job: LayDownJob,
  report: Report,
  signal: AbortSignal,
): Promise<Salvage | undefined> {
  if (!job.recovery.salvage) return undefined;
  const survey = await engine.takeSalvage(job, report, signal);
  tellSalvage(survey, report);
  return survey?.salvage;
}
