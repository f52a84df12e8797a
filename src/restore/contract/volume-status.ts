import type { Journal } from '../../tree/exchange/journal.ts';
import type { Use } from '../../tree/exchange/probe.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
/** What ODO has on a volume, as plain JSON. */
export interface VolumeStatus {
  /** `none`: no restore has left anything. The others are as in the journal. */
  state: 'none' | Journal['state'];
  /** What the volume holds as a whole, more precise than `state`. */
  situation: Situation;
  backupId?: string;
  startedAt?: string;
  /** The restored server has finished its recovery since the swap. */
  recovered?: boolean;
  /** What is known of the use of a recovered server. */
  use?: Use;
  /** Where the restored server waits for its promotion, in words. */
  waitsAt?: string;
  /** The restored server waits as a standby. */
  isStandby?: boolean;
  /** The old data was deleted beforehand (--wipe). */
  wiped?: boolean;
  /** What the old data is the only copy of, when it is kept for that. */
  keptBecause?: string;
  /** What still has to be asked of the old data, to know whether it is the only copy of something. */
  oldDataUnjudged?: AskedOfOld;
  /** WAL of old data was set aside, and nothing else has it. */
  keptSalvage?: boolean;
  /** Bytes of the staged files. */
  incomingBytes: number;
  /** Bytes of the fetched WAL. */
  spoolBytes: number;
  /** Bytes of the old content that is kept. */
  previousBytes: number;
  freeBytes: number;
}

/**
 * What is asked of content that is to go.
 * - own: what old data of the backup's own cluster has beyond the archive.
 * - whose: whether it is of another cluster.
 * - all: both of these.
 * - aside: what was committed on a restored server that a rollback has set aside.
 */
export type AskedOfOld = 'all' | 'own' | 'whose' | 'aside';
