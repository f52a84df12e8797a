import type { VerifiedCluster } from '../../cluster/verified-cluster.ts';
import type { BackupFacts, RepositoryRef } from '../../formats/contract/format.ts';
import type { Setting, Standby } from '../../postgres/configuration/recovery-settings.ts';
import type { Moment } from '../../postgres/configuration/recovery-target.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { AwaitedPromotion } from '../../tree/exchange/journal.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { ClusterPlaces } from './places.ts';
/**
 * Everything that laying a backup down needs, as plain JSON: it is sent into the restore container. Holds secrets:
 * never print it.
 */
export interface LayDownJob {
  store: StoreConfig;
  repository: RepositoryRef;
  backup: BackupFacts;
  /**
   * The digest of the backup's content, as it was proven. The content is opened anew where it is laid down; see
   * Content.
   */
  content: { digest: string };
  wal: WalPlan;
  places: ClusterPlaces;
  owner?: Owner;
  configuration: ConfigurationWish;
  server: ServerOfJob;
  recovery: RecoveryWish;
  oldData: OldDataWish;
  run: RunWish;
}

/** What the configuration gets besides what the backup says. */
export interface ConfigurationWish {
  /** The content that postgresql.auto.conf gets instead of the backup's. */
  replacementConf?: string;
  /** Settings that postgresql.auto.conf gets and keeps. */
  settings?: Setting[];
  /** The content that pg_hba.conf gets instead of the backup's. */
  hbaConf?: string;
  /**
   * Archiving stays as the configuration has it. Otherwise it is off, so that the copy does not write into the
   * original's archive.
   */
  keepArchiving?: boolean;
  /** The backup's settings stay as they are, also those that do not fit the server. */
  keepSettings?: boolean;
}

/** What is known of the server that will run on the restored files. */
export interface ServerOfJob {
  /** The server's major version. A backup of another one is refused before the exchange. */
  postgresMajor?: number;
  facts?: ServerFacts;
  /**
   * The server reads its postgresql.conf from elsewhere than its data directory (config_file on its command line), or
   * from a mount over it.
   */
  configElsewhere?: boolean;
}

/** Where recovery ends, and how it gets its WAL. */
export interface RecoveryWish {
  /** Where recovery stops before the end, and what the server does there. */
  stopAt?: Pick<Moment, 'target' | 'exclusive' | 'action'>;
  /** The server becomes a standby. Holds a secret. */
  standby?: Standby;
  /**
   * The server is left waiting where it stops; `odo promote` finishes the restore. All WAL has to stay in the spool
   * until then.
   */
  awaitsPromotion?: AwaitedPromotion;
  /**
   * The spool also gets the WAL that takeSalvage() sets aside of the old data. `isLater`: takeSalvage() comes after the
   * laying down, and until then nothing is told of the end of the WAL.
   */
  salvage?: { isLater: boolean };
  /**
   * How much WAL may wait in the spool. WAL is fed to the server while it recovers, see feed(). Not given: all WAL is
   * fetched before the exchange.
   */
  spoolBytes?: number;
  /** Nobody watches the recovery. The server itself clears the spool away when recovery ends. */
  unattended: boolean;
}

/** What becomes of the data that is in place. */
export interface OldDataWish {
  /** The old data is deleted first. */
  wipe: boolean;
  /** What the old data is known to be the only copy of, whatever is restored. */
  keptBecause?: string;
  /** In the end the old data goes even when it is of another cluster. */
  allowDifferentCluster?: boolean;
  /** The caller has stopped the server, and sees to it that none runs. */
  stopped?: boolean;
}

/** How the work is done. */
export interface RunWish {
  /** Start over, even where files of an interrupted run of the same job could be used. */
  fresh: boolean;
  /** Flush to disk before the exchange. */
  sync: boolean;
  /** `stream`: what can be checked while it streams by. `full`: the checksums of all data pages, too. */
  verify: 'stream' | 'full';
  /** A server may be writing to the same disk all the time. */
  besideServer?: boolean;
  /** Resident memory of the process at most; 256 MiB when not given. */
  memoryBytes?: number;
  /** Requests to the store at once for each part; when not given, as many as suit the measured rate. */
  connections?: number;
}

/** What was laid down. */
export interface LaidDown {
  readBytes: number;
  writtenBytes: number;
  files: number;
  walSegments: number;
  /** Bytes of an interrupted run that were found in place. */
  reusedBytes: number;
  /** Parts of an interrupted run that were not fetched again. */
  reusedParts: number;
  /** WAL segments of an interrupted run that were not fetched again. */
  reusedSegments: number;
  /** The backup's settings that were overridden, and why. */
  overridden: string[];
  /** What there is to go back to after the exchange: it is kept, was deleted beforehand (--wipe), or there was none. */
  oldData?: 'kept' | 'deleted' | 'none';
  /** Given when `verify` is full. */
  verified?: VerifiedCluster;
  /** Highest resident memory of the process that did it. */
  peakMemoryBytes: number;
}

export function isFed(job: LayDownJob): job is FedJob {
  return job.recovery.spoolBytes !== undefined && job.wal.source === 'archive';
}

/** A job whose WAL is fed to the server while it recovers. */
export type FedJob = LayDownJob & { recovery: { spoolBytes: number }; wal: Extract<WalPlan, { source: 'archive' }> };
