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
 * The directory side of a restore. One implementation works on local directories; the other speaks to it in the restore
 * container. A method rejects with an OdoError; an abort of the signal ends it with code `cancelled`.
 */
export interface Engine {
  /**
   * Looks, changes nothing; one probe for each tablespace, in the given order, and what the old data tells of its
   * cluster. `measure` also counts the old content's bytes.
   */
  probe(
    places: ClusterPlaces,
    options?: { measure?: boolean },
  ): Promise<{ pgdata: PlaceProbe; tablespaces: PlaceProbe[]; oldCluster?: OldCluster }>;
  /** Reads some of a backup, for the proof that the store can be reached from where the engine works. */
  reach(job: ReachJob, report: Report, signal: AbortSignal): Promise<StoreReach>;
  /** Does in small, in all places, what a restore will do there; nothing of it stays. */
  tryWriting(places: ClusterPlaces, owner: Owner | undefined): Promise<void>;
  /** Tells what of ODO's is there, and how large it is. */
  status(places: ClusterPlaces): Promise<VolumeStatus>;
  /**
   * Settles what an interrupted run left, then fills `incoming` and the spool, building on what the same job has laid
   * down before. The old content stays in place, unless the job says to wipe it. Where the job says that WAL is fed,
   * the feeding goes on when this has come back, until the restore ends one way or another; nothing else has to wait
   * for it.
   */
  layDown(job: LayDownJob, report: Report, signal: AbortSignal): Promise<LaidDown>;
  /**
   * Sees the feeding that layDown() began through, beside all other requests; where there is none any more, since its
   * process has died, it is begun again. Resolves when the restore was finished (or taken back), rejects as soon as
   * feeding has failed for good: the server stops its recovery then. An abort of the signal has the same effect.
   */
  feed(job: LayDownJob, report: Report, signal: AbortSignal): Promise<FedWal>;
  /**
   * One round of following the archive for a standby that a restore has left waiting: what it has not replayed yet goes
   * into the spool, as far as there is room, what it has leaves it. Resolves to undefined as soon as no standby waits
   * there any more. The lock is held all the time.
   */
  follow(job: FollowJob, report: Report, signal: AbortSignal): Promise<FollowRound | undefined>;
  /**
   * Sets WAL aside that only the old data has, for the feeding that is under way or the laying down that follows;
   * undefined when there is nothing to look at. No server may run on the old data.
   */
  takeSalvage(job: LayDownJob, report: Report, signal: AbortSignal): Promise<SalvageSurvey | undefined>;
  /** What a rehearsal needs to know of what layDown() has left in `incoming`. */
  staged(places: ClusterPlaces): Promise<StagedConfiguration>;
  /** Changes the configuration in `incoming`, so that the server that was asked will start with it. */
  amend(places: ClusterPlaces, amendments: readonly Amendment[], owner: Owner | undefined): Promise<void>;
  /** Other keys for the jobs under way, whose own end soon. */
  renewKeys(credentials: StoreKeys): void;
  /**
   * Exchanges old and new content; not interruptible. When it rejects it has been taken back, if the process still
   * lives.
   */
  swap(places: ClusterPlaces): Promise<void>;
  /**
   * Undoes an exchange that has failed. True when what was staged is there as it was, for another run to go on from.
   */
  takeBack(places: ClusterPlaces): Promise<boolean>;
  /**
   * Puts the old content back. What was in place goes when no server has come out of recovery on it, and is kept in
   * `previous` otherwise. No server may run.
   */
  rollback(places: ClusterPlaces): Promise<RolledBack>;
  /**
   * Notes that a rollback which keeps what was in place has come to its end before somebody's eyes: the next one is
   * another.
   */
  noteRollbackTold(places: ClusterPlaces): Promise<void>;
  /**
   * How the recovery of the server in place stands, from its files; `log` also reads the log that it writes there.
   * Changes nothing.
   */
  recoveryState(places: ClusterPlaces, options?: { log?: boolean }): Promise<RecoveryState>;
  /**
   * Raises, for the time of the recovery, what the WAL that was replayed so far demands more of than the server in
   * place has; they are in force from its next start on. Gives what was raised. A command line that grants less is
   * `serviceNotFound`.
   */
  raiseSettings(places: ClusterPlaces, facts: RaiseFacts): Promise<TooLow[]>;
  /**
   * Whether the configuration files in place turn archiving on, ODO's own settings left out; undefined when not all of
   * them can be seen.
   */
  archivingConfigured(places: ClusterPlaces, facts: RaiseFacts): Promise<boolean | undefined>;
  /**
   * Looks at the old data for what nothing else has; undefined when there is none that can be judged. Changes nothing.
   */
  surveyOld(places: ClusterPlaces, question: OldDataQuestion): Promise<OldDataSurvey | undefined>;
  /** Looks at pages again that were suspect before recovery; `dataCorrupt` names those that still are. */
  recheckPages(places: ClusterPlaces, suspects: SuspectPage[]): Promise<void>;
  /**
   * Removes staged files and kept old content. `unsafeTarget` while a restored server has not recovered, and where the
   * old content was found to be the only copy of something.
   * @param options acceptLoss: also what nothing else has
   */
  clean(places: ClusterPlaces, options?: { acceptLoss?: boolean }): Promise<Cleaned>;
  /** Ends the restore: settings out, spool and old content away. */
  finish(options: FinishOptions): Promise<FinishedRestore>;
  /** Removes what a restore that did not reach the swap has written. */
  discard(places: ClusterPlaces): Promise<void>;
  /**
   * Ends all work.
   * @param options forAnother: another engine goes on with it, so that a server that waits for WAL is not told that
   *   none will come
   */
  close(options?: { forAnother?: boolean }): Promise<void>;
}
