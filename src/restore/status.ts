import type { Journal } from '../target/journal.ts';
import { incomingDir, type Place, previousDir, spoolDir } from '../target/place.ts';
import { probePlace, type Use } from '../target/probe.ts';
import type { Situation } from '../target/situation.ts';
import { usedBytes } from '../target/used-bytes.ts';
import { type AskedOfOld, isOldDataKept, unjudgedOf } from './kept-old-data.ts';
import { keepsSalvage } from './kept-salvage.ts';
import { lookAtVolume } from './look-at-volume.ts';
import { isInRecovery, usedSinceExchange, useSince } from './used-since.ts';

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

export function statusOf(pgdata: Place): VolumeStatus {
  const { journal, situation } = lookAtVolume(pgdata);
  const places = journal?.places ?? [pgdata];
  const total = (directory: (place: Place) => string) =>
    places.map(directory).reduce((sum, directory) => sum + usedBytes(directory), 0);
  const recovered = usedSinceExchange(pgdata, journal);
  const isSwapped = journal?.state === 'swapped';
  const unjudged = unjudgedOf(situation, journal);
  const awaits = journal?.awaitsPromotion;
  return {
    state: journal?.state ?? 'none',
    situation,
    ...(journal ? { backupId: journal.backupId, startedAt: journal.startedAt } : {}),
    ...(isSwapped ? { recovered } : {}),
    ...(isSwapped && recovered ? { use: useSince(pgdata, journal) } : {}),
    ...(isSwapped && awaits && !recovered ? { waitsAt: awaits.target, ...(awaits.isStandby ? { isStandby: true } : {}) } : {}),
    ...(journal?.wiped ? { wiped: true } : {}),
    ...(journal?.keptBecause !== undefined && isOldDataKept(situation) ? { keptBecause: journal.keptBecause } : {}),
    ...(unjudged === undefined ? {} : { oldDataUnjudged: unjudged }),
    ...(keepsSalvage(pgdata) && !isInRecovery(pgdata.root) ? { keptSalvage: true } : {}),
    incomingBytes: total(incomingDir),
    spoolBytes: total(spoolDir),
    previousBytes: total(previousDir),
    freeBytes: probePlace(pgdata).freeBytes,
  };
}
