import { probePlace } from '../../tree/exchange/probe.ts';
import { incomingDir, type Place, previousDir, spoolDir } from '../../tree/places/place.ts';
import { usedBytes } from '../../tree/places/used-bytes.ts';
import type { VolumeStatus } from '../contract/volume-status.ts';
import { isOldDataKept, unjudgedOf } from './kept-old-data.ts';
import { keepsSalvage } from './kept-salvage.ts';
import { lookAtVolume } from './look-at-volume.ts';
import { isInRecovery, usedSinceExchange, useSince } from './used-since.ts';

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
    ...(isSwapped && awaits && !recovered
      ? { waitsAt: awaits.target, ...(awaits.isStandby ? { isStandby: true } : {}) }
      : {}),
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
