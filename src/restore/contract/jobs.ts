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
  /** Of those, what an interrupted run had fetched. */
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
  /** Up to where the server has replayed; when it does not say, its last restartpoint counts. */
  replayLsn?: string;
  /** The server's recovery_target_timeline. */
  targetTimeline: string;
  /** How long to rest after it, where the archive has nothing new. */
  restMs: number;
}

export interface FollowRound extends TopUp {
  readBytes: number;
}

/** Of the server that recovers: what its files alone do not say of its settings. */
export type RaiseFacts = Pick<ServerFacts, 'commandLine'> & Pick<ServerOfJob, 'configElsewhere'>;

export interface FinishOptions {
  places: ClusterPlaces;
  /** Keep the old content in `previous`. */
  keepPrevious: boolean;
  /** What becomes of ODO's settings in postgresql.auto.conf. leave: they stay (nobody saw the promotion yet). */
  settings: 'leave' | 'remove' | 'remove-but-keep-archiving-off';
  /** Transactions are prepared: what was raised for them stays. */
  hasPrepared?: boolean;
  /** Where the server was when it was seen out of recovery. */
  reached?: { timeline?: number; lsn?: string };
  /** Why the old data is kept although that was not asked for: of what it is the only copy. */
  keptBecause?: string;
}

/** What a finish found. */
export interface FinishedRestore {
  /** Of ODO's settings, those that somebody has given another value since: they stay. */
  leftSettings: string[];
  /** What was set aside of old data's WAL stays, since it is all there is of it. */
  keptSalvage?: boolean;
}

/** What a rollback did. */
export interface RolledBack {
  /** False: there was nothing to put back, and no data was changed. */
  rolledBack: boolean;
  /** What was in place is kept in `previous`. */
  isKept: boolean;
  /** What is in place now. */
  inPlace: 'before' | 'restored';
}

/** What a clean-up did. */
export interface Cleaned extends FinishedRestore {
  /** Bytes that are really gone. */
  freedBytes: number;
  /** There was something to remove. */
  found: boolean;
}

/** What is to be read of a store. */
export interface ReachJob {
  store: StoreConfig;
  part: Pick<Part, 'key' | 'sizeBytes'>;
}

/** What was read, and how far the store's clock is ahead of the engine's. */
export interface StoreReach {
  readBytes: number;
  clockSkewMs?: number;
}
