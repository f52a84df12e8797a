import type { Report } from '../events.ts';
import type { Backup, Part, RepositoryRef } from '../formats/format.ts';
import type { Amendment } from '../postgres/amendment.ts';
import type { Setting, Standby } from '../postgres/recovery-settings.ts';
import type { Moment } from '../postgres/recovery-target.ts';
import type { TooLow } from '../postgres/required-settings.ts';
import type { ServerFacts } from '../postgres/unfit-settings.ts';
import type { StoreConfig } from '../store/open.ts';
import type { S3Credentials } from '../store/s3-credentials.ts';
import type { AwaitedPromotion } from '../target/journal.ts';
import type { Owner, Place } from '../target/place.ts';
import type { TargetProbe } from '../target/probe.ts';
import type { SalvageSurvey } from '../wal/salvage-survey.ts';
import type { TopUp } from '../wal/top-up-spool.ts';
import type { WalPlan } from '../wal/wal-plan.ts';
import type { OldCluster } from './old-cluster.ts';
import type { RecoveryState } from './recovery-state.ts';
import type { StagedConfiguration } from './staged-configuration.ts';
import type { VolumeStatus } from './status.ts';
import type { OldDataQuestion, OldDataSurvey } from './survey-old-data.ts';
import type { SuspectPage, VerifiedCluster } from './verified-cluster.ts';

/** Where a tablespace of the backup goes. */
export interface TablespacePlace {
  oid: number;
  place: Place;
  /** It is none of the backup's, but replay creates it: its directory has to be empty, and the old content has to be out of the way. */
  isLater?: boolean;
}

/** The directories of one cluster, as the server will see them. */
export interface Target {
  pgdata: Place;
  tablespaces: TablespacePlace[];
  /**
   * The run that works on them, see own-run.ts: a step is `unsafeTarget` when another one has staged something there since. Commands that look after
   * what any run has left have none.
   */
  runId?: string;
}

/** Everything that laying a backup down needs, as plain JSON: it is sent into the restore container. Holds secrets: never print it. */
export interface LayDownJob {
  store: StoreConfig;
  repository: RepositoryRef;
  backup: Backup;
  wal: WalPlan;
  target: Target;
  owner?: Owner;
  /** The content that postgresql.auto.conf gets instead of the backup's. */
  replacementConf?: string;
  /** The server becomes a standby. Holds a secret. */
  standby?: Standby;
  /** Settings that postgresql.auto.conf gets and keeps. */
  settings?: Setting[];
  /** The content that pg_hba.conf gets instead of the backup's. */
  hbaConf?: string;
  /** Archiving stays as the configuration has it; otherwise it is off, so that the copy does not write into the original's archive. */
  keepArchiving?: boolean;
  /** The server that will run on it. */
  server?: ServerFacts;
  /** The backup's settings stay as they are, also those that do not fit that server. */
  keepSettings?: boolean;
  /** The server is told to read its configuration from outside of its data directory (config_file on its command line). */
  configElsewhere?: boolean;
  /** What the server that will run on it is; a backup of another one is refused before the swap. */
  postgresMajor?: number;
  /** Where recovery stops before the end, and what the server does there. */
  stopAt?: Pick<Moment, 'target' | 'exclusive' | 'action'>;
  /** The server is left waiting where it stops; `odo promote` finishes the restore. All WAL has to stay in the spool until then. */
  awaitsPromotion?: AwaitedPromotion;
  /** The old data is known to be the only copy of something, whatever is restored: of what. */
  keptBecause?: string;
  /** It goes in the end also where it is of another cluster. */
  allowDifferentCluster?: boolean;
  /** A server may be writing to the same disk all the time. */
  besideServer?: boolean;
  /** Flush to disk before the swap. */
  sync: boolean;
  /** stream: what can be checked while it streams by · full: the checksums of all data pages too. */
  verify: 'stream' | 'full';
  /** Start over, even where files of an interrupted run of the same job could be used. */
  fresh: boolean;
  /**
   * The spool also gets what takeSalvage() sets aside of the old data's WAL. isLater: that is done when the laying down is over, and
   * nothing is told of the end of the WAL before.
   */
  salvage?: { isLater: boolean };
  /** Delete the old content first. */
  wipe: boolean;
  /** Whoever asks for it has stopped the server, and sees to it that none runs. */
  stopped?: boolean;
  /**
   * How much WAL may wait in the spool: it is fed to the server while that recovers, see feed(). Without it, all WAL is fetched before the
   * exchange.
   */
  spoolBytes?: number;
  /** Resident memory of the process at most; 256 MiB when not given. */
  memoryBytes?: number;
  /** Requests to the store at once for each part; when not given, as many as suit the measured rate. */
  connections?: number;
  /** Nobody watches the recovery: the server itself clears the spool away at its end. */
  unattended: boolean;
}

/** What was laid down. */
export interface LaidDown {
  readBytes: number;
  writtenBytes: number;
  files: number;
  walSegments: number;
  /** Of an interrupted run: bytes that were found in place, parts and WAL segments that were not fetched again. */
  reusedBytes: number;
  reusedParts: number;
  reusedSegments: number;
  /** What of the backup's settings was overridden, and why. */
  overridden: string[];
  /** What there is to go back to after the exchange: it is kept, was deleted beforehand (--wipe), or there was none. */
  oldData?: 'kept' | 'deleted' | 'none';
  /** With verify full. */
  verified?: VerifiedCluster;
  /** Highest resident memory of the process that did it. */
  peakMemoryBytes: number;
}

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
export type RaiseFacts = Pick<ServerFacts, 'commandLine'> & Pick<LayDownJob, 'configElsewhere'>;

export interface FinishOptions {
  target: Target;
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
export interface Reached {
  readBytes: number;
  clockSkewMs?: number;
}

/**
 * The directory side of a restore. One implementation works on local directories; the other speaks to it in the restore
 * container. A method rejects with an OdoError; an abort of the signal ends it with code `cancelled`.
 */
export interface Engine {
  /** Looks, changes nothing; one probe for each tablespace, in the given order, and what the old data tells of its cluster. `measure` also counts the old content's bytes. */
  probe(
    target: Target,
    options?: { measure?: boolean },
  ): Promise<{ pgdata: TargetProbe; tablespaces: TargetProbe[]; oldCluster?: OldCluster }>;
  /** Reads some of a backup, for the proof that the store can be reached from where the engine works. */
  reach(job: ReachJob, signal: AbortSignal): Promise<Reached>;
  /** Does in small, in all places, what a restore will do there; nothing of it stays. */
  tryWriting(target: Target, owner: Owner | undefined): Promise<void>;
  /** Tells what of ODO's is there, and how large it is. */
  status(target: Target): Promise<VolumeStatus>;
  /**
   * Settles what an interrupted run left, then fills `incoming` and the spool, building on what the same job has laid down before.
   * The old content stays in place, unless the job says to wipe it. Where the job says that WAL is fed, the feeding goes on when this has
   * come back, until the restore ends one way or another; nothing else has to wait for it.
   */
  layDown(job: LayDownJob, report: Report, signal: AbortSignal): Promise<LaidDown>;
  /**
   * Sees the feeding that layDown() began through, beside all other requests; where there is none any more, since its process has died, it is
   * begun again. Resolves when the restore was finished (or taken back), rejects as soon as feeding has failed for good: the server stops its
   * recovery then. An abort of the signal has the same effect.
   */
  feed(job: LayDownJob, report: Report, signal: AbortSignal): Promise<FedWal>;
  /**
   * One round of following the archive for a standby that a restore has left waiting: what it has not replayed yet goes into the spool, as far as there is room, what it has
   * leaves it. Resolves to undefined as soon as no standby waits there any more. The lock is held all the time.
   */
  follow(job: FollowJob, report: Report, signal: AbortSignal): Promise<FollowRound | undefined>;
  /**
   * Sets WAL aside that only the old data has, for the feeding that is under way or the laying down that follows; undefined when there is
   * nothing to look at. No server may run on the old data.
   */
  takeSalvage(job: LayDownJob, report: Report, signal: AbortSignal): Promise<SalvageSurvey | undefined>;
  /** What a rehearsal needs to know of what layDown() has left in `incoming`. */
  staged(target: Target): Promise<StagedConfiguration>;
  /** Changes the configuration in `incoming`, so that the server that was asked will start with it. */
  amend(target: Target, amendments: readonly Amendment[], owner: Owner | undefined): Promise<void>;
  /** Other keys for the jobs under way, whose own end soon. */
  renewKeys(credentials: S3Credentials): void;
  /** Exchanges old and new content; not interruptible. When it rejects it has been taken back, if the process still lives. */
  swap(target: Target): Promise<void>;
  /** Undoes an exchange that has failed. True when what was staged is there as it was, for another run to go on from. */
  takeBack(target: Target): Promise<boolean>;
  /**
   * Puts the old content back. What was in place goes when no server has come out of recovery on it, and is kept in `previous` otherwise. No server
   * may run.
   */
  rollback(target: Target): Promise<RolledBack>;
  /** Notes that a rollback which keeps what was in place has come to its end before somebody's eyes: the next one is another. */
  noteRollbackTold(target: Target): Promise<void>;
  /** How the recovery of the server in place stands, from its files; `log` also reads the log that it writes there. Changes nothing. */
  recoveryState(target: Target, options?: { log?: boolean }): Promise<RecoveryState>;
  /**
   * Raises, for the time of the recovery, what the WAL that was replayed so far demands more of than the server in place has; they are in force from
   * its next start on. Gives what was raised. A command line that grants less is `serviceNotFound`.
   */
  raiseSettings(target: Target, facts: RaiseFacts): Promise<TooLow[]>;
  /** Whether the configuration files in place turn archiving on, ODO's own settings left out; undefined when not all of them can be seen. */
  archivingConfigured(target: Target, facts: RaiseFacts): Promise<boolean | undefined>;
  /** Looks at the old data for what nothing else has; undefined when there is none that can be judged. Changes nothing. */
  surveyOld(target: Target, question: OldDataQuestion): Promise<OldDataSurvey | undefined>;
  /** Looks at pages again that were suspect before recovery; `dataCorrupt` names those that still are. */
  recheckPages(target: Target, suspects: SuspectPage[]): Promise<void>;
  /**
   * Removes staged files and kept old content. `unsafeTarget` while a restored server has not recovered, and where the old content was found to be the
   * only copy of something.
   * @param options acceptLoss: also what nothing else has
   */
  clean(target: Target, options?: { acceptLoss?: boolean }): Promise<Cleaned>;
  /** Ends the restore: settings out, spool and old content away. */
  finish(options: FinishOptions): Promise<FinishedRestore>;
  /** Removes what a restore that did not reach the swap has written. */
  discard(target: Target): Promise<void>;
  /**
   * Ends all work.
   * @param options forAnother: another engine goes on with it, so that a server that waits for WAL is not told that none will come
   */
  close(options?: { forAnother?: boolean }): Promise<void>;
}
