import fs from 'node:fs';
import type { Journal } from '../../tree/exchange/journal.ts';
import { settleSwap, swapAside, swapBack, takeBack } from '../../tree/exchange/swap.ts';
import { demandPlaces } from '../../tree/places/demand-places.ts';
import { restoreCommandFile, spoolDir } from '../../tree/places/place.ts';
import type { RolledBack } from '../contract/jobs.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { clearAway, hasPrevious, noteDiscarding } from '../volume/clear-away.ts';
import { demandNoServer } from '../volume/demand-no-server.ts';
import { leaveHistory } from '../volume/leave-history.ts';
import { lookAtVolume } from '../volume/look-at-volume.ts';
import { TRANSITIONS } from '../volume/transitions.ts';
import { takeOutSettings } from './take-out-settings.ts';

// The caller holds the volume's lock.

/**
 * Puts the old content back. Content on which a server has been in use is kept in `previous`. Other content goes, since
 * it can be restored again. The table of situations says what there is to do.
 */
export function rollback(places: ClusterPlaces): RolledBack {
  const { pgdata } = places;
  const { odoDir } = pgdata;
  const { journal, situation } = lookAtVolume(pgdata);
  const deed = TRANSITIONS[situation].rollback;
  if (!journal || deed === 'none') return asItIs(journal);
  demandNoServer(pgdata, { stopped: true });
  demandPlaces(journal.places);
  const hasOld = journal.places.some(hasPrevious);
  // On a full disk the journal needs the room; what goes back needs no WAL of ours.
  if (hasOld) fs.rmSync(spoolDir(pgdata), { recursive: true, force: true });
  switch (deed) {
    case 'carry-through':
      settleSwap(odoDir, journal);
      break;
    case 'exchange':
      if (!hasOld) return asItIs(journal);
      // Noted for good: from now on it does not depend on what signal files lie there.
      journal.finished ??= { at: new Date().toISOString() };
      delete journal.awaitsPromotion;
      if (!journal.rolledBack) {
        takeOutSettings(pgdata, journal, 'as-in-recovery');
        leaveHistory(pgdata);
      }
      fs.rmSync(restoreCommandFile(pgdata), { force: true });
      swapAside(odoDir, journal);
      break;
    case 'undo':
      if (!hasOld) settleSwap(odoDir, journal);
      // A restore into an empty place has nothing to go back to, and what it restored may be all there is.
      if (!hasOld && journal.state === 'swapped') return asItIs(journal);
      // A server may have changed what goes back to `incoming`: if this dies, no later run may take it for staged files
      // of its own.
      delete journal.fingerprint;
      delete journal.finishedParts;
      takeBack(odoDir, journal);
      swapBack(odoDir, journal);
      noteDiscarding(odoDir, journal);
      clearAway(journal.places);
      return { rolledBack: true, isKept: false, inPlace: 'before' };
  }
  return { rolledBack: true, isKept: true, inPlace: journal.rolledBack ? 'before' : 'restored' };
}

function asItIs(journal: Journal | undefined): RolledBack {
  const isRestored = journal?.state === 'swapped' && !journal.rolledBack;
  return { rolledBack: false, isKept: false, inPlace: isRestored ? 'restored' : 'before' };
}
