import type { OldCluster } from '../../cluster/old-cluster.ts';
import type { RecoveryState } from '../../cluster/recovery-state.ts';
import type { SuspectPage } from '../../cluster/verified-cluster.ts';
import type { Report } from '../../events.ts';
import type { Amendment } from '../../postgres/configuration/amendment.ts';
import type { TooLow } from '../../postgres/configuration/required-settings.ts';
import type { StoreKeys } from '../../store/objects/store-keys.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { SalvageSurvey } from '../../wal/salvage/salvage-survey.ts';
import type {
  Cleaned,
  FedWal,
  FinishedRestore,
  FinishOptions,
  FollowJob,
  FollowRound,
  RaiseFacts,
  ReachJob,
  RolledBack,
  StoreReach,
} from './jobs.ts';
import type { LaidDown, LayDownJob } from './lay-down-job.ts';
import type { OldDataQuestion, OldDataSurvey } from './old-data-survey.ts';
import type { ClusterPlaces } from './places.ts';
import type { StagedConfiguration } from './staged-configuration.ts';
import type { VolumeStatus } from './volume-status.ts';

/**
 * The directory side of a restore. One implementation works on local directories. The other one passes each call to the
 * first, which runs in the restore container. Methods reject with an OdoError; an abort of the signal gives
 * `cancelled`.
 */
export interface Engine {
  /**
   * Looks at the places and changes nothing. Gives one probe for each tablespace, in the given order, and what the old
   * data tells of its cluster. `measure` also counts the old content's bytes.
   */
  probe(
    places: ClusterPlaces,
    options?: { measure?: boolean },
  ): Promise<{ pgdata: PlaceProbe; tablespaces: PlaceProbe[]; oldCluster?: OldCluster }>;
  /** Reads some of a backup, for the proof that the store can be reached from where the engine works. */
  reach(job: ReachJob, report: Report, signal: AbortSignal): Promise<StoreReach>;
  /** Tries on a small scale, in all places, what a restore will do there. Nothing of it stays. */
  tryWriting(places: ClusterPlaces, owner: Owner | undefined): Promise<void>;
  /** Tells which of ODO's files are in the places, and how large they are. */
  status(places: ClusterPlaces): Promise<VolumeStatus>;
  /**
   * Settles what an interrupted run left, then fills `incoming` and the spool. Builds on what the same job has laid
   * down before. The old content stays in place, unless the job says to wipe it. When the job says that WAL is fed, the
   * feeding goes on after this has resolved, until the restore ends in one way or another. Other requests need not wait
   * for the feeding.
   */
  layDown(job: LayDownJob, report: Report, signal: AbortSignal): Promise<LaidDown>;
  /**
   * Waits for the feeding that layDown() began; other requests go on meanwhile. Begins the feeding again when the
   * process that fed has died. Resolves when the restore was finished or taken back. Rejects as soon as feeding has
   * failed for good: the server then stops its recovery. An abort of the signal ends the wait; the feeding ends with
   * close() at the latest.
   */
  feed(job: LayDownJob, report: Report, signal: AbortSignal): Promise<FedWal>;
  /**
   * Does one round of following the archive, for a standby that a restore has left waiting. WAL that the standby has
   * not replayed goes into the spool, as far as there is room. WAL that it has replayed leaves the spool. Resolves to
   * undefined as soon as no standby waits there any more. Holds the lock all the time.
   */
  follow(job: FollowJob, report: Report, signal: AbortSignal): Promise<FollowRound | undefined>;
  /**
   * Sets aside WAL that only the old data has, for the feeding under way or the laying down that follows. Resolves to
   * undefined when there is nothing to look at. No server may run on the old data.
   */
  takeSalvage(job: LayDownJob, report: Report, signal: AbortSignal): Promise<SalvageSurvey | undefined>;
  /** Reads what a rehearsal needs to know of the content that layDown() has left in `incoming`. */
  staged(places: ClusterPlaces): Promise<StagedConfiguration>;
  /** Changes the configuration in `incoming`, so that the server of the rehearsal will start with it. */
  amend(places: ClusterPlaces, amendments: readonly Amendment[], owner: Owner | undefined): Promise<void>;
  /** Gives the jobs under way other keys, since theirs end soon. */
  renewKeys(credentials: StoreKeys): void;
  /**
   * Exchanges old and new content. Cannot be interrupted. After a rejection the exchange has been taken back, if the
   * process still lives.
   * @param options keptBecause: of what the old data is the only copy, so that nothing removes it later unasked
   */
  swap(places: ClusterPlaces, options?: { keptBecause?: string }): Promise<void>;
  /**
   * Undoes an exchange that has failed. True when the staged files are as they were, so that another run can go on from
   * them.
   */
  takeBack(places: ClusterPlaces): Promise<boolean>;
  /**
   * Puts the old content back. Restored content on which no server has come out of recovery is deleted. Other content
   * is kept in `previous`. No server may run.
   */
  rollback(places: ClusterPlaces): Promise<RolledBack>;
  /**
   * Notes that somebody has seen the end of a rollback that keeps what was in place. From then on a rollback is a new
   * one.
   */
  noteRollbackTold(places: ClusterPlaces): Promise<void>;
  /**
   * Notes why the old data has to stay, when what took its place has turned out to be wrong. From then on nothing
   * removes it unasked.
   */
  noteKept(places: ClusterPlaces, because: string): Promise<void>;
  /**
   * Reads from the files how the recovery of the server in place stands. `log` also reads the log that the server
   * writes there. Changes nothing.
   */
  recoveryState(places: ClusterPlaces, options?: { log?: boolean }): Promise<RecoveryState>;
  /**
   * Raises settings of which the WAL that was replayed so far demands more than the server in place has. They are
   * raised for the time of the recovery, and in force from the server's next start on. Gives the raised settings.
   * Errors: `serviceNotFound` when a command line grants less.
   */
  raiseSettings(places: ClusterPlaces, facts: RaiseFacts): Promise<TooLow[]>;
  /**
   * Whether the configuration files in place turn archiving on, ODO's own settings left out. Gives undefined when not
   * all files can be seen, and none of them sets archive_mode.
   */
  archivingConfigured(places: ClusterPlaces, facts: RaiseFacts): Promise<boolean | undefined>;
  /**
   * Looks at the old data for what nothing else has. Resolves to undefined when there is no old data to judge. Changes
   * nothing.
   */
  surveyOld(places: ClusterPlaces, question: OldDataQuestion): Promise<OldDataSurvey | undefined>;
  /**
   * Looks again at pages that were suspect before recovery.
   * Errors: `dataCorrupt` names pages that are still wrong.
   */
  recheckPages(places: ClusterPlaces, suspects: SuspectPage[]): Promise<void>;
  /**
   * Removes staged files and kept old content.
   * Errors: `unsafeTarget` while a restored server has not recovered, and where the old content was found to be the
   * only copy of something.
   * @param options acceptLoss: removes also what nothing else has
   */
  clean(places: ClusterPlaces, options?: { acceptLoss?: boolean }): Promise<Cleaned>;
  /** Ends the restore: removes ODO's settings, the spool and the old content. */
  finish(options: FinishOptions): Promise<FinishedRestore>;
  /** Removes what a restore that did not reach the swap has written. */
  discard(places: ClusterPlaces): Promise<void>;
  /**
   * Ends all work.
   * @param options forAnother: another engine goes on with the work, so that a server that waits for WAL is not told
   *   that none will come
   */
  close(options?: { forAnother?: boolean }): Promise<void>;
}
