import type { EffectiveSettings } from '../../postgres/configuration/configuration-file.ts';
import type { Setting } from '../../postgres/configuration/recovery-settings.ts';
import type { CatalogDatabase } from '../../postgres/files/database-catalog.ts';
import type { parsePgControl } from '../../postgres/files/pg-control.ts';
/**
 * What a rehearsal puts into its scratch data directory, and what it judges by. Plain JSON. Holds secrets: never print
 * it.
 */
export interface StagedConfiguration {
  members: StagedMember[];
  /** Files and directories that `members` lacks, since there is too much of them. */
  leftOut: readonly string[];
  effective: { settings: Setting[]; isWhole: boolean; files: readonly string[]; unread: EffectiveSettings['unread'] };
  /**
   * The settings of postgresql.auto.conf. A server that reads its postgresql.conf from elsewhere obeys them as well.
   */
  ownSettings: Setting[];
  /** The major version of the server that the backup is of. */
  major: number;
  /** Settings that the original had, as pg_control says. */
  control: ReturnType<typeof parsePgControl>['settings'];
  /** Databases as the backup has them, before its WAL is replayed. */
  databases: CatalogDatabase[];
}

/** A file, directory or link of the data directory that is not the server's own data. */
export interface StagedMember {
  path: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  /** The file's content as base64. Not given for a file that is too large to be configuration. */
  content?: string;
  linkName?: string;
}
