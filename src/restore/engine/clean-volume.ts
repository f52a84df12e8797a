import fs from 'node:fs';
import { removeGuard } from '../../tree/exchange/guard.ts';
import { type Journal, writeJournal } from '../../tree/exchange/journal.ts';
import { demandRoots } from '../../tree/places/demand-places.ts';
import { isFull } from '../../tree/places/fs-errors.ts';
import { type Place, salvageDir, spoolDir } from '../../tree/places/place.ts';
import { usedBytes } from '../../tree/places/used-bytes.ts';
import type { Cleaned } from '../contract/jobs.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { clearAway, noteDiscarding } from '../volume/clear-away.ts';
import { isOldDataKept, refusedLoss } from '../volume/kept-old-data.ts';
import { leaveHistory } from '../volume/leave-history.ts';
import { leftoversOf, lookAtVolume, type Seen } from '../volume/look-at-volume.ts';
import { refusedClean } from '../volume/refused-clean.ts';
import { TRANSITIONS } from '../volume/transitions.ts';
import { demandOtherThanLast } from './last-data.ts';
import { takeOutSettings } from './take-out-settings.ts';

// The caller holds the volume's lock.

/**
 * Removes staged files and old content, and tells what is really gone.
 * Errors: `unsafeTarget` when a restored server has not recovered yet, since it keeps its way back.
 */
export function clean(places: ClusterPlaces, { acceptLoss = false } = {}): Cleaned {
  const { pgdata } = places;
  const { journal, situation } = lookAtVolume(pgdata);
  const all = journal?.places ?? [pgdata];
  const bytesBefore = odoBytes(all);
  if (journal?.keptBecause !== undefined && isOldDataKept(situation) && !acceptLoss)
    throw refusedLoss(pgdata, journal.keptBecause);
  const leftSettings = cleanUpFrom(pgdata, { journal, situation });
  const isKept = fs.existsSync(salvageDir(pgdata));
  if (acceptLoss && isKept) fs.rmSync(salvageDir(pgdata), { recursive: true, force: true });
  return {
    freedBytes: Math.max(0, bytesBefore - odoBytes(all)),
    found: TRANSITIONS[situation].clean !== 'none' || (acceptLoss && isKept),
    leftSettings,
    ...(isKept && !acceptLoss ? { keptSalvage: true } : {}),
  };
}

function cleanUpFrom(pgdata: Place, seen: Seen): string[] {
  const { journal, situation } = seen;
  const deed = TRANSITIONS[situation].clean;
  if (deed === 'refuse') throw refusedClean(pgdata, situation);
  if (deed === 'none') return [];
  if (!journal) {
    for (const file of leftoversOf(pgdata)) fs.rmSync(file, { recursive: true, force: true });
    removeGuard(pgdata.root);
    return [];
  }
  const { odoDir } = pgdata;
  if (deed === 'remove-staged') {
    noteDiscarding(odoDir, journal);
    clearAway(journal.places);
    removeGuard(pgdata.root, { isKnown: journal.guarded === true });
    return [];
  }
  demandOtherThanLast(pgdata, seen);
  demandRoots(journal.places);
  // From here on there is no way back, and half-deleted content must not look whole.
  writeClearing(odoDir, journal);
  // A run that was broken off after the promotion has left its settings. Archiving stays off: nobody was asked about
  // it.
  const left = journal.rolledBack ? [] : takeOutSettings(pgdata, journal, 'as-in-recovery');
  if (!journal.rolledBack) leaveHistory(pgdata);
  clearAway(journal.places);
  return left;
}

/**
 * Notes that the old content is being deleted. On a full disk, fetched WAL makes room for the note, as it goes anyway.
 */
function writeClearing(odoDir: string, journal: Journal): void {
  try {
    writeJournal(odoDir, { ...journal, state: 'clearing' });
  } catch (error) {
    const [pgdata] = journal.places;
    if (!isFull(error) || !pgdata) throw error;
    fs.rmSync(spoolDir(pgdata), { recursive: true, force: true });
    writeJournal(odoDir, { ...journal, state: 'clearing' });
  }
}

function odoBytes(places: readonly Place[]): number {
  return places.reduce((sum, { odoDir }) => sum + usedBytes(odoDir), 0);
}
