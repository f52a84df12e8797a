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
  /** `isLater`: the backup has it not, and the replay of WAL creates it. */
  tablespaces: { oid: number; location: string; isLater?: boolean }[];
  volume?: string;
  service?: string;
  owner?: { uid: number; gid: number };
  steps: string[];
  /** What the old data is seen to have of WAL behind the end of the archive. */
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

/** What was asked of the moment, beside what was reached. */
export interface MomentReport {
  asked: Moment;
  /** The target for a person. */
  words: string;
  /**
   * promoted · paused: the server waits at the target, read-only · shut down: at the target · left: nobody has started
   * a server yet
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
  /** The temporary server: its container's name, and its port on 127.0.0.1. */
  temporary?: { name: string; port: number };
  /** Of a restore to a certain moment. */
  moment?: MomentReport;
  /** Absent for a directory restore, which no server has seen yet. */
  reached?: Reached;
  laidDown: LaidDown;
  /** What was replayed of the old data's WAL behind the end of the archive. */
  salvage?: Salvage;
  /** The old data was kept although that was not asked for. */
  onlyCopy?: OnlyCopy;
  phases: { phase: Phase; elapsedMs: number }[];
  /**
   * From the moment the service was told to stop until the promoted server answered; 0 phases of it when it was not
   * running.
   */
  downtimeMs?: number;
  /** What the person should know or do next. */
  notes: string[];
}

/** What came of a restore beside what its plan and the laying down tell already. */
export type Outcome = Pick<
  Receipt,
  'standby' | 'temporary' | 'moment' | 'reached' | 'salvage' | 'onlyCopy' | 'downtimeMs' | 'notes'
> & {
  /** When more was fed after the laying down: the whole of it. */
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

/** What a plan says of WAL that only the old data has. */
export function salvagePlan(salvage: WalBeyond | undefined): Pick<Plan, 'salvage'> {
  if (!salvage) return {};
  const { commits, lastCommitTime, endLsn } = salvage;
  return { salvage: { commits, endLsn, ...(lastCommitTime === undefined ? {} : { lastCommitTime }) } };
}

export function summarize(backup: Backup): BackupSummary {
  const known = SUMMARY.filter((name) => backup[name] !== undefined).map((name) => [name, backup[name]]);
  return Object.fromEntries(known) as unknown as BackupSummary;
}
