import { randomUUID } from 'node:crypto';
import { OdoError } from '../../errors.ts';
import { type Journal, readJournal } from '../../tree/exchange/journal.ts';
import type { Place } from '../../tree/places/place.ts';
import type { ClusterPlaces } from '../contract/places.ts';

// The lock is held for each step of a restore, not from its first to its last: hours may lie between, and a server is
// started. So each step asks whether the staged files are still those of this very run.

/** Gives the places a new run's id. From now on the engine leaves alone what another run has staged there since. */
export function forOwnRun(places: ClusterPlaces): ClusterPlaces {
  return { ...places, runId: randomUUID() };
}

/**
 * Demands that the journal is still that of this run. Places without a runId come from clean, status and the like,
 * which act on what any run has left.
 * Errors: `unsafeTarget` when the journal is another run's by now, or gone.
 */
export function demandOwnRun({ pgdata, runId }: ClusterPlaces, journal: Journal | undefined): void {
  if (runId !== undefined && journal?.runId !== runId) throw takenOver(pgdata);
}

/** Whether another run has certainly taken over. A journal that cannot be read tells nothing. */
export function isTakenOver({ pgdata, runId }: ClusterPlaces): boolean {
  try {
    return runId !== undefined && readJournal(pgdata.odoDir)?.runId !== runId;
  } catch {
    return false;
  }
}

export function takenOver({ odoDir }: Place): OdoError {
  return new OdoError('unsafeTarget', `another odo has taken over what this one had laid down in ${odoDir}`, {
    hint:
      'nothing of what the other one does was touched; see with odo status what is there by now, and who else ' +
      'restores to it',
  });
}
