import type {
  ConfigurationWish,
  LayDownJob,
  OldDataWish,
  RecoveryWish,
  RunWish,
  ServerOfJob,
} from '../../../src/restore/contract/lay-down-job.ts';

type Whole = Pick<LayDownJob, 'store' | 'repository' | 'backup' | 'wal' | 'places' | 'owner'>;

/** Fields of a job by their own names, wherever in it they stand. */
export type JobFields = Partial<Whole & ConfigurationWish & ServerOfJob & RecoveryWish & OldDataWish & RunWish>;

const GROUPS = {
  configuration: ['replacementConf', 'settings', 'hbaConf', 'keepArchiving', 'keepSettings'],
  server: ['postgresMajor', 'facts', 'configElsewhere'],
  recovery: ['stopAt', 'standby', 'awaitsPromotion', 'salvage', 'spoolBytes', 'unattended'],
  oldData: ['wipe', 'keptBecause', 'allowDifferentCluster', 'stopped'],
  run: ['fresh', 'sync', 'verify', 'besideServer', 'memoryBytes', 'connections'],
} as const;

/** The job with other values for some of its fields. */
export function jobWith(job: LayDownJob, fields: JobFields): LayDownJob {
  const changed: Record<string, unknown> = { ...job };
  for (const [name, value] of Object.entries(fields)) {
    const group = Object.entries(GROUPS).find(([, names]) => (names as readonly string[]).includes(name))?.[0];
    if (group === undefined) changed[name] = value;
    else changed[group] = { ...(changed[group] as object), [name]: value };
  }
  return changed as unknown as LayDownJob;
}
