import type { Ancestor } from '../../cluster/ancestry.ts';
import type { WrittenSegment } from '../../wal/archive/last-written.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
/** The position up to which a timeline's WAL can be had without the old data. */
export interface Accounted {
  timeline: number;
  lsn: string;
}

/** The question about the old data. */
export interface OldDataQuestion {
  /**
   * One entry for each timeline of which the archive has anything. Empty when the only question is whose the old data
   * is.
   */
  accounted: Accounted[];
  /**
   * The restored server is in place and out of recovery, and the old data is in `previous`. The server's own history
   * tells what it has.
   */
  isReplaced: boolean;
  /**
   * Asks only which cluster the old data is of, and whether it holds anything. The restore leaves out anyhow what it
   * has beyond the archive.
   */
  whoseOnly?: boolean;
  /** Asks about the content that a rollback has set aside: what was committed since its timeline began. */
  isSetAside?: boolean;
}

/** What the old data holds beyond the accounted WAL, as plain JSON. */
export interface OldDataSurvey {
  systemIdentifier: string;
  /** The old data is of another cluster than the restored server in its place. Then nothing is told of its WAL. */
  isOfAnother?: true;
  /** The old data holds more than initdb makes. */
  holdsObjects: boolean;
  timeline: number;
  /** The position up to which the old data has nothing of its own. Absent when that cannot be told. */
  fromLsn?: string;
  /** Where the old data's timeline began. Given when nothing of that timeline is accounted for. */
  began?: Ancestor;
  /**
   * How the old data came to its timeline. Given when that timeline is accounted for: the archive's of the same number
   * may be another one.
   */
  path?: Ancestor[];
  beyond?: WalBeyond;
  /** The old data's last segment that the archive may have as well. Given only before the restore. */
  common?: WrittenSegment;
}
