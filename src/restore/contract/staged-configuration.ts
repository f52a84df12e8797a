import type { EffectiveSettings } from '../../postgres/configuration/configuration-file.ts';
import type { Setting } from '../../postgres/configuration/recovery-settings.ts';
import type { CatalogDatabase } from '../../postgres/files/database-catalog.ts';
import type { parsePgControl } from '../../postgres/files/pg-control.ts';
/**
 * What a rehearsal puts into its scratch data directory, and what it goes by; plain JSON. Holds secrets: never print
 * it.
 */
export interface StagedConfiguration {
  members: StagedMember[];
  /** Files and directories that are not among them, since there is too much of them. */
  leftOut: readonly string[];
  effective: { settings: Setting[]; isWhole: boolean; files: readonly string[]; unread: EffectiveSettings['unread'] };
  /** What postgresql.auto.conf says, which a server that reads its postgresql.conf from elsewhere obeys as well. */
  ownSettings: Setting[];
  /** Of the server that the backup is of. */
  major: number;
  /** What pg_control says that the original had. */
  control: ReturnType<typeof parsePgControl>['settings'];
  /** As the backup has them, before its WAL has been replayed. */
  databases: CatalogDatabase[];
}

/** A file, directory or link of the data directory that is not the server's own data. */
export interface StagedMember {
  path: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  /** As base64; not given for one that is too large to be configuration. */
  content?: string;
  linkName?: string;
}
