import type { Phase, Proof } from '../../events.ts';
import type { Backup } from '../../formats/contract/format.ts';
import type { Moment } from '../../postgres/configuration/recovery-target.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';

/** The backup's facts that a plan and a receipt show. */
const SUMMARY = [
  'id',
  'format',
  'server',
  'endTime',
  'postgresMajor',
  'timeline',
  'beginWal',
  'endWal',
  'endLsn',
  'systemIdentifier',
  'storedBytes',
] as const satisfies readonly (keyof Backup)[];

export type BackupSummary = Pick<Backup, (typeof SUMMARY)[number]>;

/** What will be done, as plain JSON; --dry-run prints it. */
export interface Plan {
  kind: 'plan';
  backup: BackupSummary;
  wal: WalPlan;
  /** The directory that is filled, as the server sees it. */
  dataDirectory: string;
  /** `isLater`: the backup lacks it, and the replay of WAL creates it. */
  tablespaces: { oid: number; location: string; isLater?: boolean }[];
  volume?: string;
  service?: string;
  owner?: { uid: number; gid: number };
  steps: string[];
  /** WAL that the old data is seen to have behind the end of the archive. */
  salvage?: { commits: number; lastCommitTime?: string; endLsn: string };
  /** Why the old data is kept although that was not asked for, as far as it is known beforehand. */
  onlyCopy?: OnlyCopy;
  proofs: readonly Proof[];
}

/** How far the restored server got. */
export interface Reached {
  timeline: number;
  /** Last LSN replayed. */
  lsn?: string;
  /** Time of the last transaction replayed (ISO 8601); absent when none was. */
  lastCommitTime?: string;
}

/** The moment that was asked for, beside what was reached. */
export interface MomentReport {
  asked: Moment;
  /** The target for a person. */
  words: string;
  /**
   * `paused`: the server waits at the target, read-only. `shut down`: the server has ended at the target. `left`:
   * nobody has started a server yet.
   */
  outcome: 'promoted' | 'paused' | 'shut down' | 'left';
  /** The record that shows that the target was reached, as the search of the WAL found it. */
  stop?: { lsn: string; time: string };
}

/** What a restore did and reached, as plain JSON. */
export interface Receipt {
  kind: 'receipt';
  odoVersion: string;
  startedAt: string;
  finishedAt: string;
  backup: BackupSummary;
  dataDirectory: string;
  volume?: string;
  service?: string;
  /** The server was left a standby. */
  standby?: { hasPrimary: boolean };
  /** The temporary server: its container's name, and its port on 127.0.0.1 where the engine publishes ports. */
  temporary?: { name: string; port?: number };
  /** Given for a restore to a certain moment. */
  moment?: MomentReport;
  /** Absent for a directory restore, which no server has seen yet. */
  reached?: Reached;
  laidDown: LaidDown;
  /** The old data's WAL that was replayed behind the end of the archive. */
  salvage?: Salvage;
  /** The old data was kept although that was not asked for. */
  onlyCopy?: OnlyCopy;
  phases: { phase: Phase; elapsedMs: number }[];
  /**
   * From the moment the service was told to stop until its server had recovered. Counted from the end of the proofs
   * when the service was not running.
   */
  downtimeMs?: number;
  /** Notes for the person: what to know or to do next. */
  notes: string[];
}

/** The outcome of a restore, beside what its plan and the laying down tell already. */
export type Outcome = Pick<
  Receipt,
  'standby' | 'temporary' | 'moment' | 'reached' | 'salvage' | 'onlyCopy' | 'downtimeMs' | 'notes'
> & {
  /** The whole of what was laid down, when more was fed after the laying down. */
  laidDown?: LaidDown;
};

/** The receipt of a restore that has ended now. */
export function makeReceipt(
  { backup, dataDirectory, volume, service }: Plan,
  laidDown: LaidDown,
  outcome: Outcome,
  run: Pick<Receipt, 'odoVersion' | 'startedAt' | 'phases'>,
): Receipt {
  const { odoVersion, startedAt, phases } = run;
  return {
    kind: 'receipt',
    odoVersion,
    startedAt,
    finishedAt: new Date().toISOString(),
    backup,
    dataDirectory,
    ...(volume === undefined ? {} : { volume }),
    ...(service === undefined ? {} : { service }),
    laidDown,
    ...outcome,
    phases,
    notes: [...laidDown.overridden, ...outcome.notes],
  };
}

/** A plan, of what was proven and what is to be done. */
export function makePlan(
  source: { backup: Backup; wal: WalPlan },
  places: ClusterPlaces,
  rest: Pick<Plan, 'volume' | 'service' | 'owner' | 'steps' | 'salvage' | 'onlyCopy' | 'proofs'>,
): Plan {
  return {
    kind: 'plan',
    backup: summarize(source.backup),
    wal: source.wal,
    dataDirectory: places.pgdata.root,
    tablespaces: places.tablespaces.map(({ oid, place, isLater }) => ({
      oid,
      location: place.root,
      ...(isLater ? { isLater } : {}),
    })),
    ...rest,
  };
}

/** The entry of a plan on WAL that only the old data has. */
export function salvagePlan(salvage: WalBeyond | undefined): Pick<Plan, 'salvage'> {
  if (!salvage) return {};
  const { commits, lastCommitTime, endLsn } = salvage;
  return { salvage: { commits, endLsn, ...(lastCommitTime === undefined ? {} : { lastCommitTime }) } };
}

export function summarize(backup: Backup): BackupSummary {
  const known = SUMMARY.filter((name) => backup[name] !== undefined).map((name) => [name, backup[name]]);
  return Object.fromEntries(known) as unknown as BackupSummary;
}
