import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { type Finished, type Journal, readJournal, writeJournal } from '../../tree/exchange/journal.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
import { demandRoots } from '../../tree/places/demand-places.ts';
import {
  originalsFile,
  type Place,
  previousDir,
  restoreCommandFile,
  salvageDir,
  spoolDir,
} from '../../tree/places/place.ts';
import type { FinishedRestore, FinishOptions } from '../contract/jobs.ts';
import { placesOf } from '../staging/staging.ts';
import { clearAway, hasPrevious } from '../volume/clear-away.ts';
import { dropHeldSalvage } from '../volume/kept-salvage.ts';
import { leaveHistory } from '../volume/leave-history.ts';
import { lookAtVolume } from '../volume/look-at-volume.ts';
import { demandOwnRun } from '../volume/own-run.ts';
import { TRANSITIONS } from '../volume/transitions.ts';
import { demandOtherThanLast } from './last-data.ts';
import { takeOutSettings } from './take-out-settings.ts';

// The caller holds the volume's lock.

/**
 * Ends the restore: removes ODO's settings, the spool and the old content.
 * Errors: `unsafeTarget` when another run has staged something there since, somebody has gone back, or the server is to
 * recover yet.
 */
export function finish(options: FinishOptions): FinishedRestore {
  const { pgdata } = options.places;
  const places = placesOf(options.places);
  const keep = options.keepPrevious && places.some(hasPrevious);
  const seen = lookAtVolume(pgdata);
  const { journal, situation } = seen;
  // A finish that was broken off may have come to its end, and left no journal.
  if (journal) demandOwnRun(options.places, journal);
  if (!mayFinish(situation, options)) throw refusedFinish(pgdata, situation);
  if (!keep) {
    demandOtherThanLast(pgdata, seen);
    demandRoots(places);
  }
  const isSeen = options.settings !== 'leave';
  // From here on there is no way back; a crash in the middle of deleting must not look like a restore to take back.
  if (journal && !keep) writeJournal(pgdata.odoDir, { ...journal, state: 'clearing' });
  if (journal && keep && isSeen) {
    const { keptBecause } = options;
    const judged = { isOldDataJudged: true, ...(keptBecause === undefined ? {} : { keptBecause }) };
    writeJournal(pgdata.odoDir, { ...journal, finished: finishedNow(options), ...judged });
  }
  let leftSettings: string[] = [];
  fs.rmSync(originalsFile(pgdata), { force: true });
  if (isSeen) {
    const archiving = options.settings === 'remove-but-keep-archiving-off' ? 'off' : 'as-configured';
    leftSettings = takeOutSettings(pgdata, journal, archiving, options.hasPrepared);
    leaveHistory(pgdata);
    fs.rmSync(spoolDir(pgdata), { recursive: true, force: true });
    fs.rmSync(restoreCommandFile(pgdata), { force: true });
  }
  if (isSeen) {
    if (keep) {
      dropHeldSalvage(pgdata);
      // Not before: until now the same promotion, given again, would have finished it.
      const now = readJournal(pgdata.odoDir);
      if (now) writeJournal(pgdata.odoDir, withoutPromotion(now));
    } else {
      clearAway(places);
    }
    return { leftSettings, ...(fs.existsSync(salvageDir(pgdata)) ? { keptSalvage: true } : {}) };
  }
  if (keep) return { leftSettings };
  for (const place of places) fs.rmSync(previousDir(place), { recursive: true, force: true });
  for (const place of places.slice(1)) fs.rmSync(place.odoDir, { recursive: true, force: true });
  fs.rmSync(path.join(pgdata.odoDir, 'journal.json'), { force: true });
  return { leftSettings };
}

/**
 * Whether the situation allows a finish. When nobody watches, the recovery is still to come, and the old data stays for
 * it.
 */
function mayFinish(situation: Situation, { settings, keepPrevious }: FinishOptions): boolean {
  const isToCome = settings === 'leave' && keepPrevious;
  if (isToCome && ['recovering', 'recovering-alone'].includes(situation)) return true;
  // Without a journal the restore has been finished before.
  return TRANSITIONS[situation].clean === 'remove-old' || ['untouched', 'leftovers'].includes(situation);
}

function refusedFinish(pgdata: Place, situation: Situation): OdoError {
  return new OdoError(
    'unsafeTarget',
    `the restore to ${pgdata.root} is not finished, since ${TRANSITIONS[situation].about}`,
    {
      hint: 'nothing was removed; see with odo status what is there by now, and who else works on it',
    },
  );
}

function withoutPromotion({ awaitsPromotion: _done, ...journal }: Journal): Journal {
  return journal;
}

function finishedNow({ reached }: FinishOptions): Finished {
  return { at: new Date().toISOString(), ...reached };
}
