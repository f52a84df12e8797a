import type { Part, RepositoryRef } from '../../formats/contract/format.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { Place } from '../../tree/places/place.ts';
import type { TopUp } from '../../wal/feed/top-up-spool.ts';
import type { ServerOfJob } from './lay-down-job.ts';
import type { ClusterPlaces } from './places.ts';
/** What was fed to a recovering server. */
export interface FedWal {
  walSegments: number;
  /** Segments among them that an interrupted run had fetched. */
  reusedSegments: number;
  readBytes: number;
  writtenBytes: number;
  peakMemoryBytes: number;
}

/** One round of following the archive, as plain JSON. Holds secrets: never print it. */
export interface FollowJob {
  store: StoreConfig;
  repository: RepositoryRef;
  pgdata: Place;
  /** How much WAL may wait in the spool ahead of the server. */
  spoolBytes: number;
  /** The position up to which the server has replayed. Not given: its last restartpoint counts. */
  replayLsn?: string;
  /** The server's recovery_target_timeline. */
  targetTimeline: string;
  /** How long to rest after the round, when the archive has nothing new. */
  restMs: number;
}

export interface FollowRound extends TopUp {
  readBytes: number;
}

/** What the files of a recovering server alone do not say of its settings. */
export type RaiseFacts = Pick<ServerFacts, 'commandLine'> & Pick<ServerOfJob, 'configElsewhere'>;

export interface FinishOptions {
  places: ClusterPlaces;
  /** Keep the old content in `previous`. */
  keepPrevious: boolean;
  /**
   * What becomes of ODO's settings in postgresql.auto.conf. `leave`: they stay, since nobody has seen the promotion
   * yet.
   */
  settings: 'leave' | 'remove' | 'remove-but-keep-archiving-off';
  /** Transactions are prepared, so settings that were raised for them stay. */
  hasPrepared?: boolean;
  /** Where the server was when it was seen out of recovery. */
  reached?: { timeline?: number; lsn?: string };
  /** What the old data is the only copy of, when it is kept although nobody asked for that. */
  keptBecause?: string;
}

/** What a finish found. */
export interface FinishedRestore {
  /** ODO's settings that somebody has given another value since. They stay. */
  leftSettings: string[];
  /** Old data's WAL that was set aside stays, since nothing else has it. */
  keptSalvage?: boolean;
}

/** What a rollback did. */
export interface RolledBack {
  /** False: there was nothing to put back, and no data was changed. */
  rolledBack: boolean;
  /** The content that was in place is kept in `previous`. */
  isKept: boolean;
  /** The content that is in place now. */
  inPlace: 'before' | 'restored';
}

/** What a clean-up did. */
export interface Cleaned extends FinishedRestore {
  /** Bytes that are really gone. */
  freedBytes: number;
  /** There was something to remove. */
  found: boolean;
}

/** What to read of a store. */
export interface ReachJob {
  store: StoreConfig;
  part: Pick<Part, 'key' | 'sizeBytes'>;
}

/** What was read of a store. */
export interface StoreReach {
  readBytes: number;
  /** How far the store's clock is ahead of the engine's. */
  clockSkewMs?: number;
}
