import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { TarEntry } from '../../stream/bytes/entry.ts';
import type { Layers } from '../../stream/bytes/layers.ts';
import type { Look } from './look.ts';

export type FormatName = 'barman' | 'basebackup';

/** How far a backup got. Only a complete one is ever restored. */
export type BackupState = 'complete' | 'running' | 'died' | 'failed' | 'unsupported';

/** One object of a backup, as the catalogue has it. */
export interface Part {
  /**
   * base: goes into PGDATA. tablespace: goes into that tablespace's directory. wal: goes into pg_wal (entries without
   * that prefix).
   */
  role: 'base' | 'tablespace' | 'wal';
  key: string;
  sizeBytes: number;
  etag?: string;
  layers: Layers;
  /** The archive storage class that the listing told of. */
  archived?: string;
  /** OID of the tablespace, for role 'tablespace'. */
  oid?: number;
}

/** One object that is laid down in one go: a tar. A format with another kind of content brings a kind of its own. */
export interface Unit extends Omit<Part, 'archived'> {
  kind: 'tar';
  /** The unit's place in the order, from 0. */
  ordinal: number;
}

/** The content of a backup, opened where it is laid down. */
export interface Content {
  /**
   * Changes whenever any of the content may have changed. So the content that is laid down is the one that was proven,
   * and a run goes on from another only when their digests are the same.
   */
  digest: string;
  /** How many units there are. */
  count: number;
  /** Units in the order in which they are laid down: those of the data directory first. */
  units(): AsyncIterable<Unit>;
}

/** The facts of a backup without its content; they do not grow with it. */
export type BackupFacts = Omit<Backup, 'parts'>;

export interface Tablespace {
  oid: number;
  /** Name, where the format records it (barman does, pg_basebackup's tars do not). */
  name?: string;
  /** The directory of the tablespace on the server that was backed up. */
  location: string;
  /** Bytes on disk after the restore, where the format tells. */
  restoredBytes?: number;
  /** Files after the restore, where the format tells. */
  restoredFiles?: number;
}

/**
 * One base backup with what is known of it, as plain JSON (times are ISO 8601 in UTC, LSNs in PostgreSQL's `0/2000028`
 * form, WAL names have 24 hex digits). Only id, format, state and parts are always there; a complete backup also has
 * timeline, beginWal and endTime.
 */
export interface Backup {
  id: string;
  /** A name that a person gave it, besides the id (barman-cloud-backup --name). */
  name?: string;
  format: FormatName;
  state: BackupState;
  /** Why the backup is not complete, in words. */
  reason?: string;
  /** Why a backup that counts as complete may lack something all the same, in words. */
  doubt?: string;
  server?: string;
  beginTime?: string;
  /** The time by which "latest" is chosen: barman's end_time; for pg_basebackup sets START TIME of backup_label. */
  endTime?: string;
  postgresMajor?: number;
  /** A 64-bit number as decimal text. */
  systemIdentifier?: string;
  timeline?: number;
  beginWal?: string;
  endWal?: string;
  beginLsn?: string;
  endLsn?: string;
  /** 16 MiB when not given. */
  walSegmentSizeBytes?: number;
  tablespaces: Tablespace[];
  /** In the order in which they are laid down: base parts first. */
  parts: Part[];
  /** Bytes in the store (sum of the parts). */
  storedBytes?: number;
  /** Bytes on disk after the restore, where the format tells. */
  restoredBytes?: number;
  /** Files after the restore, where the format tells. */
  restoredFiles?: number;
  /** archive: the WAL comes from the repository's archive. included: it travels in the backup itself. */
  wal: 'archive' | 'included';
  /** Key of backup_manifest, for formats that have one. */
  manifestKey?: string;
}

/**
 * One file of a WAL archive: a complete segment or a timeline history. `.partial` and `.backup` files are never among
 * them.
 */
export interface WalFile {
  /** PostgreSQL's name without its layers' extensions: `000000010000000000000003` or `00000002.history`. */
  name: string;
  key: string;
  sizeBytes: number;
  etag?: string;
  layers: Layers;
  /** The archive storage class that the listing told of. */
  archived?: string;
  /** When the store got the file: about the time of the last commit in it. */
  archivedAt?: Date;
  /**
   * Further objects of the same name, such as a compressed one beside a half-finished upload. Any of them may be the
   * good one.
   */
  twins?: WalFile[];
}

export interface WalArchive {
  /** All timeline history files, by ascending timeline. */
  histories(signal?: AbortSignal): Promise<WalFile[]>;
  /** The timelines of which there is any WAL, even if only a `.partial` segment; ascending. */
  timelines(signal?: AbortSignal): Promise<number[]>;
  /** The segments of one timeline from the named one on, in order, holes and all. */
  segments(timeline: number, fromSegment: string, signal?: AbortSignal): AsyncIterable<WalFile>;
  /**
   * All segments of all timelines, holes and all. They come in at most `count` slices, which can be listed at the same
   * time. Each slice is in order, and comes before the next.
   */
  slices(count: number, signal?: AbortSignal): Promise<AsyncIterable<WalFile>[]>;
  /**
   * Names of objects in the place of a file of that name that cannot be read as it: those with another extension, such
   * as that of an encrypted file, or `.partial`.
   */
  beside(name: string, signal?: AbortSignal): Promise<string[]>;
}

/** Enough to find the repository's WAL again elsewhere (in the restore container); plain JSON. */
export interface RepositoryRef {
  format: FormatName;
  /** Key prefix of the repository: '' or ending in '/'. */
  root: string;
  secrets?: RepositorySecrets;
}

/** One repository that was found under a URL. */
export interface Repository {
  ref: RepositoryRef;
  /** barman's server name, else the name of the folder. */
  server: string;
  /** Every backup, good or not, oldest first by end time, those without a time first. */
  catalogue(signal?: AbortSignal): Promise<Backup[]>;
  /** Adds to the backup what a few small reads tell, for a list. `dataCorrupt` for a damaged manifest. */
  glance(backup: Backup, signal?: AbortSignal): Promise<Backup>;
  /**
   * Adds what is too dear to find out for the whole catalogue: version, system identifier, end of the WAL, sizes. Meant
   * for the chosen backup. What the format does not tell stays undefined. `dataCorrupt` for a damaged manifest.
   */
  describe(backup: Backup, signal?: AbortSignal): Promise<Backup>;
}

/**
 * The secrets that open a repository whose content is not plain, such as its passphrase; plain JSON. Never log them.
 */
export type RepositorySecrets = Readonly<Record<string, string>>;

export interface ContentOptions {
  secrets?: RepositorySecrets | undefined;
  signal?: AbortSignal | undefined;
}

/** Where a repository is, as a folder tells. */
export interface Recognised {
  /** Key prefix of the repository: '' or ending in '/'. */
  root: string;
  /** Id of the backup in the folder; absent for a folder that holds more than one. */
  backupId?: string;
}

/**
 * The parts of a format: recognising its folders, and reading them. One object per format, listed in
 * registry/registry.ts.
 */
export interface Format {
  name: FormatName;
  /** The name that a person knows the format by, for messages. */
  about: string;
  /** Whether a folder is a repository of this format, or one backup of it. */
  recognise(store: ObjectStore, look: Look, signal?: AbortSignal): Promise<Recognised | undefined>;
  /** The repository in which a folder lies, where the names on the way to it tell. */
  around?(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<Recognised | undefined>;
  /**
   * For a folder that is a piece of such a repository: words for the format, and for the folders that are out of sight
   * from there.
   */
  isPiece?(look: Look): { of: string; missing: string } | undefined;
  /** Opens the repository at `root` (a prefix that recognise() answered). */
  open(store: ObjectStore, root: string, secrets?: RepositorySecrets): Promise<Repository>;
  /** The archive that recovery reads from; undefined where WAL travels in the backup. */
  walArchive(store: ObjectStore, root: string, secrets?: RepositorySecrets): Promise<WalArchive | undefined>;
  /** Opens the content of a backup of the repository at `root`. A backup that is no longer there has no units. */
  content(store: ObjectStore, root: string, backup: BackupFacts, options: ContentOptions): Promise<Content>;
  /**
   * Whether a member may come more than once in the base parts. 'later': the later one counts. 'same': they are the
   * same.
   */
  mayRepeat?(member: TarEntry): 'later' | 'same' | undefined;
}
