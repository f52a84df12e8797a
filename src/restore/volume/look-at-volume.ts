import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import { hasGuard, isVacant } from '../../tree/exchange/guard.ts';
import { type Journal, readJournal } from '../../tree/exchange/journal.ts';
import { type Situation, situationOf } from '../../tree/exchange/situation.ts';
import { hasRestoredInPlace } from '../../tree/exchange/swap.ts';
import {
  heldControlFile,
  incomingDir,
  originalsFile,
  type Place,
  previousDir,
  restoreCommandFile,
  salvageDir,
  spoolDir,
} from '../../tree/places/place.ts';
import { hasPrevious } from './clear-away.ts';
import { keepsSalvage } from './kept-salvage.ts';
import { isInRecovery, usedSinceExchange } from './used-since.ts';

export interface Seen {
  journal: Journal | undefined;
  situation: Situation;
}

/** Reads the journal, and tells which of all situations the volume is in. Changes nothing. */
export function lookAtVolume(pgdata: Place): Seen {
  const journal = journalAsItStands(pgdata);
  const situation = situationOf({
    journal,
    isVacant: isVacant(pgdata.root),
    // Tablespaces without their data directory are nothing that a server could go back to.
    hasPrevious: (journal?.state === 'swapped' ? journal.places.slice(0, 1) : (journal?.places ?? [pgdata])).some(
      hasPrevious,
    ),
    hasLeftovers: leftoversOf(pgdata).length > 0 || hasGuard(pgdata.root),
    isUsed: usedSinceExchange(pgdata, journal),
  });
  return { journal, situation };
}

/**
 * The journal, corrected by what is in place. An exchange, or a way back, may have died while all of the restored
 * content was in place, and somebody may have started a server on that. Content that has been used since counts as
 * exchanged, so that nothing is undone that holds data of its own.
 */
export function journalAsItStands(pgdata: Place): Journal | undefined {
  const journal = begunOf(pgdata, readJournal(pgdata.odoDir));
  if (!journal || journal.settingAside || (journal.state !== 'moving-in' && journal.state !== 'moving-back'))
    return journal;
  const exchanged: Journal = { ...journal, state: 'swapped' };
  return hasRestoredInPlace(journal) && usedSinceExchange(pgdata, exchanged) ? exchanged : journal;
}

/**
 * The journal without a deletion that was noted, but has not begun. A deletion begins with pg_control. While that file
 * is there, nothing was deleted, and a server may have been in use since.
 */
function begunOf({ root }: Place, journal: Journal | undefined): Journal | undefined {
  if (!journal?.wiping || !fs.existsSync(path.join(root, CONTROL_FILE))) return journal;
  const { wiping: _wiping, wiped: _wiped, guarded: _guarded, ...noted } = journal;
  return noted;
}

/**
 * Staged files and WAL that no journal accounts for. What a server in recovery still needs does not count: without old
 * data, a server that recovers unwatched has no journal.
 */
export function leftoversOf(pgdata: Place): string[] {
  const staged = [incomingDir(pgdata), heldControlFile(pgdata), originalsFile(pgdata)];
  const forRecovery = isInRecovery(pgdata.root) ? [] : [spoolDir(pgdata), restoreCommandFile(pgdata)];
  // WAL that was set aside of old data is no left-over when nothing else has it.
  const salvage = keepsSalvage(pgdata) ? [] : [salvageDir(pgdata)];
  return [...staged, ...forRecovery, ...salvage].filter((file) => fs.existsSync(file));
}

/** Whether what is in place is a whole data directory, on which a server may be started. */
export function isStartable({ root }: Place, { journal, situation }: Seen): boolean {
  const isMoving = ['exchanging', 'exchanging-alone', 'setting-aside'].includes(situation);
  return !isMoving && !journal?.wiping && !isVacant(root) && fs.existsSync(path.join(root, CONTROL_FILE));
}

/**
 * The directory that holds the old cluster's data, as the old server knew it: `previous` while a restored server is in
 * place. Gives undefined when there is no old data, or it has been deleted.
 */
export function oldDataDirectory(pgdata: Place, { journal, situation }: Seen): string | undefined {
  const previous = previousDir(pgdata);
  if (journal?.wiping) return undefined;
  switch (situation) {
    case 'waiting':
    case 'recovering':
    case 'promoted':
    case 'used':
      return previous;
    case 'exchanging':
      // The old pg_control moves out first and in last. The restored one moves in last and out first.
      return fs.existsSync(path.join(previous, CONTROL_FILE)) || journal?.state === 'moving-in'
        ? previous
        : pgdata.root;
    case 'waiting-alone':
    case 'recovering-alone':
    case 'interrupted-vacant':
    case 'exchanging-alone':
      return undefined;
    default:
      return isVacant(pgdata.root) ? undefined : pgdata.root;
  }
}
