import { type Journal, readJournal } from '../target/journal.ts';
import { incomingDir, type Place, previousDir, spoolDir } from '../target/place.ts';
import { probePlace } from '../target/probe.ts';
import { usedBytes } from '../target/used-bytes.ts';

/** What of ODO's is on a volume, as plain JSON. */
export interface VolumeStatus {
  /** none: no restore has left anything · the others as in the journal */
  state: 'none' | Journal['state'];
  backupId?: string;
  startedAt?: string;
  /** The restored server has finished its recovery since the swap. */
  recovered?: boolean;
  /** Where the restored server waits for its promotion, in words. */
  waitsAt?: string;
  /** It waits as a standby. */
  isStandby?: boolean;
  /** Bytes of the staged files, of the fetched WAL, and of the old content that is kept. */
  incomingBytes: number;
  spoolBytes: number;
  previousBytes: number;
  freeBytes: number;
}

export function statusOf(pgdata: Place): VolumeStatus {
  const journal = readJournal(pgdata.odoDir);
  const probe = probePlace(pgdata);
  const places = journal?.places ?? [pgdata];
  const total = (directory: (place: Place) => string) =>
    places.map(directory).reduce((sum, directory) => sum + usedBytes(directory), 0);
  return {
    state: journal?.state ?? 'none',
    ...(journal ? { backupId: journal.backupId, startedAt: journal.startedAt } : {}),
    ...(journal?.state === 'swapped' ? { recovered: probe.usedSinceSwap } : {}),
    ...(journal?.state === 'swapped' && journal.awaitsPromotion && !probe.usedSinceSwap
      ? { waitsAt: journal.awaitsPromotion.target, ...(journal.awaitsPromotion.isStandby ? { isStandby: true } : {}) }
      : {}),
    incomingBytes: total(incomingDir),
    spoolBytes: total(spoolDir),
    previousBytes: total(previousDir),
    freeBytes: probe.freeBytes,
  };
}
