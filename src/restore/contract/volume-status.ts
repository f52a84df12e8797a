import type { Journal } from '../../tree/exchange/journal.ts';
import type { Use } from '../../tree/exchange/probe.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
/** What of ODO's is on a volume, as plain JSON. */
export interface VolumeStatus {
  /** none: no restore has left anything · the others as in the journal */
  state: 'none' | Journal['state'];
  /** The same more closely: what the volume holds as a whole. */
  situation: Situation;
  backupId?: string;
  startedAt?: string;
  /** The restored server has finished its recovery since the swap. */
  recovered?: boolean;
  /** Of one that has: what is known of its use. */
  use?: Use;
  /** Where the restored server waits for its promotion, in words. */
  waitsAt?: string;
  /** It waits as a standby. */
  isStandby?: boolean;
  /** The old data was deleted beforehand (--wipe). */
  wiped?: boolean;
  /** The old data is kept, since it is the only copy of something: of what. */
  keptBecause?: string;
  /** Nobody has looked yet whether it is. */
  oldDataUnjudged?: AskedOfOld;
  /** WAL was set aside of old data that nothing else has. */
  keptSalvage?: boolean;
  /** Bytes of the staged files, of the fetched WAL, and of the old content that is kept. */
  incomingBytes: number;
  spoolBytes: number;
  previousBytes: number;
  freeBytes: number;
}

/**
 * What is asked of content that is to go. own: what old data of the backup's own cluster has beyond the archive ·
 * whose: whether it is of another cluster · all: both · aside: what was committed on a restored server that a rollback
 * has set aside.
 */
export type AskedOfOld = 'all' | 'own' | 'whose' | 'aside';
