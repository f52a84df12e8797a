import type { Ancestor } from '../../cluster/ancestry.ts';
import type { WrittenSegment } from '../../wal/archive/last-written.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
/** Up to where the WAL of a timeline is to be had without the old data. */
export interface Accounted {
  timeline: number;
  lsn: string;
}

/** What is asked of the old data. */
export interface OldDataQuestion {
  /** Of all timelines that the archive has anything of; none where it is only asked whose the old data is. */
  accounted: Accounted[];
  /**
   * The restored server is in place and out of recovery: its own history tells what it has, and the old data is in
   * `previous`.
   */
  isReplaced: boolean;
  /** Only whose it is, and whether it holds anything: what it has beyond the archive is left out anyhow. */
  whoseOnly?: boolean;
  /** Of the content that a rollback has set aside: what was committed since its timeline began. */
  isSetAside?: boolean;
}

/** What the old data holds beyond that, as plain JSON. */
export interface OldDataSurvey {
  systemIdentifier: string;
  /** It is of another cluster than the restored server in its place; then nothing is told of its WAL. */
  isOfAnother?: true;
  /** It holds more than what initdb makes. */
  holdsObjects: boolean;
  timeline: number;
  /** Up to where it has nothing of its own; absent when that cannot be told. */
  fromLsn?: string;
  /** Where its timeline began, when nothing is accounted for of that one. */
  began?: Ancestor;
  /** How it came to its timeline, when something is: the archive's of that number may be another one. */
  path?: Ancestor[];
  beyond?: WalBeyond;
  /** Before the restore: its last segment that the archive may have as well. */
  common?: WrittenSegment;
}
