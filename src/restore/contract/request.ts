import type { Setting, Standby } from '../../postgres/configuration/recovery-settings.ts';
import type { Moment, TargetTimeline } from '../../postgres/configuration/recovery-target.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { Owner } from '../../tree/places/place.ts';

/** Which repository. */
export interface RepositoryRequest {
  store: StoreConfig;
  /** The repository that is wanted among several under the URL: its server's name, or its folder. */
  server?: string;
}

/** What every restore is asked for, whatever it fills. */
export interface RestoreRequest extends RepositoryRequest {
  /** `latest`, or a backup's id. */
  backup: string;
  /** Not given: the end of the archive. */
  moment?: Moment;
  /** The timeline to whose end recovery goes, when no moment is given. */
  timeline?: TargetTimeline;
  /** Not given: the restored server is promoted. May hold a secret. */
  standby?: Standby;
  /** Folder to look for postgresql.auto.conf in; not given: the backup's own stays. */
  replaceConf?: string;
  /** `off`: archiving is off in the restored copy. `keep`: archiving is as its configuration has it. */
  archiveMode: 'off' | 'keep';
  /** Single settings for the restored server, which stay. */
  settings: readonly Setting[];
  /** Override none of the backup's settings, also where they do not fit the server. */
  keepSettings: boolean;
  /** File that replaces pg_hba.conf. */
  hbaFile?: string;
  /** Where tablespaces go, by name, OID or old path. */
  tablespaces: ReadonlyMap<string, string>;
  owner?: Owner;
  sync: boolean;
  /** See RunWish. */
  memoryBytes?: number;
  /** See RunWish. */
  connections?: number;
  /** See RunWish. */
  verify: 'stream' | 'full';
  /** Do not build on what an interrupted run laid down. */
  fresh: boolean;
  /** Delete the old data first, for volumes that cannot hold both. */
  wipe: boolean;
  /** Delete even the data of another cluster than the backup's: with `wipe`, or after the restore. */
  allowDifferentCluster: boolean;
  /** Feed the server the old data's WAL from behind the end of the archive. */
  salvage: boolean;
  /** Try whether the server in Docker will start before the old data is exchanged. */
  rehearsal: boolean;
  /** Delete the old data even where it holds what no archive has. */
  acceptLoss: boolean;
  /** Keep the old data after success, for odo rollback. */
  keepPrevious: boolean;
  /** After a failure, remove what was laid down instead of keeping it for resuming. */
  discard: boolean;
  dryRun: boolean;
}

export interface DirectoryRequest extends RestoreRequest {
  into: string;
}

/** What every restore is asked for whose server runs in Docker. */
export interface DockerRequest extends RestoreRequest {
  serviceRef: ServiceRef;
  /** How much WAL may wait on the volume for the recovering server. */
  spoolBytes: number;
  /** How long recovery may go without any progress. */
  stallTimeoutMs: number;
  stopTimeoutSeconds: number;
  /** Folder with scripts to run in the restored database. */
  postSql?: string;
}

export interface ServiceRequest extends DockerRequest {
  /** Lay down beside the running service, and stop it for the exchange only. */
  online: boolean;
  /** Do not start the service again after a failure. */
  leaveStopped: boolean;
}

/** A second cluster beside the running service, which is left alone. */
export interface CopyRequest extends DockerRequest {
  copy:
    | { kind: 'temporary' /** Port on 127.0.0.1; 0 for a free one. */; port: number }
    /** `switch`: the service goes over to it. */
    | { kind: 'new-volume'; volume: string; switch: boolean };
}

/** A compose service, and what it takes to work on it. */
export interface ServiceRef {
  volume: string;
  service: string;
  composeFiles: string[];
  projectName?: string;
  projectDirectory?: string;
  envFiles?: string[];
  /** The restore image. */
  image: string;
  /** The restore image, when the user named one. Commands that are told to the user name it again. */
  namedImage?: string;
  /** The restore container's network, when the default is not right. */
  network?: string;
}

/** Whether the server stays in recovery when the restore ends, until somebody promotes it. */
export function isLeftWaiting({ moment, standby }: ServiceRequest): boolean {
  if (standby) return true;
  return moment !== undefined && moment.action !== 'promote';
}
