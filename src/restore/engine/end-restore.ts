import fs from 'node:fs';
import path from 'node:path';
import { removeWritten, turnsArchivingOff } from '../../cluster/written-settings.ts';
import { OdoError } from '../../errors.ts';
import { decodeConfiguration, encodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import {
  addArchiveOff,
  blockTurnsArchivingOff,
  keepRoomForPrepared,
} from '../../postgres/configuration/recovery-settings.ts';
import { removeGuard } from '../../tree/exchange/guard.ts';
import { type Finished, type Journal, readJournal, writeJournal } from '../../tree/exchange/journal.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
import { hasRestoredInPlace, settleSwap, swap, swapAside, swapBack, takeBack } from '../../tree/exchange/swap.ts';
import { demandPlaces, demandRoots } from '../../tree/places/demand-places.ts';
import { writeFileDurably } from '../../tree/places/durable.ts';
import { isFull, translateFsError } from '../../tree/places/fs-errors.ts';
import {
  originalsFile,
  type Place,
  previousDir,
  restoreCommandFile,
  salvageDir,
  spoolDir,
} from '../../tree/places/place.ts';
import { usedBytes } from '../../tree/places/used-bytes.ts';
import type { Cleaned, FinishedRestore, FinishOptions, RolledBack } from '../contract/jobs.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { placesOf } from '../staging/staging.ts';
import { clearAway, hasPrevious, noteDiscarding } from '../volume/clear-away.ts';
import { demandNoServer } from '../volume/demand-no-server.ts';
import { isOldDataKept, refusedLoss } from '../volume/kept-old-data.ts';
import { dropHeldSalvage } from '../volume/kept-salvage.ts';
import { leaveHistory } from '../volume/leave-history.ts';
import { isStartable, journalAsItStands, leftoversOf, lookAtVolume, type Seen } from '../volume/look-at-volume.ts';
import { demandOwnRun, takenOver } from '../volume/own-run.ts';
import { refusedAsLast, refusedClean } from '../volume/refused-clean.ts';
import { TRANSITIONS } from '../volume/transitions.ts';

// These functions do with the two contents of a place what the journal allows. The caller holds its lock.

/**
 * Exchanges the contents. An exchange that cannot go on is taken back at once: when this throws, the old content is in
 * place again, and what was staged is kept.
 */
export function exchange(places: ClusterPlaces): void {
  const { odoDir } = places.pgdata;
  const journal = readJournal(odoDir);
  demandOwnRun(places, journal);
  if (!journal) throw new OdoError('bug', `there is no journal in ${odoDir}`);
  // Content that is not whole, or has been exchanged before, is not what the caller has laid down.
  if (journal.state !== 'staged') throw takenOver(places.pgdata);
  demandNoServer(places.pgdata, { stopped: true });
  try {
    swap(odoDir, journal);
  } catch (error) {
    // The journal as the disk has it: what failed may have been noted all the same.
    const now = readJournal(odoDir) ?? journal;
    if (carriesOn(odoDir, now, error)) return;
    takeBack(odoDir, now, { atOnce: true });
    throw translateFsError(error, odoDir);
  }
}

/**
 * Tries a failed exchange a second time, and tells whether that has got through. Not on a full disk, on which no server
 * could recover either.
 */
function carriesOn(odoDir: string, journal: Journal, error: unknown): boolean {
  if (journal.state === 'moving-in' && !isFull(error)) {
    try {
      settleSwap(odoDir, journal);
    } catch {
      return false;
    }
  }
  return journal.state === 'swapped';
}

/**
 * Undoes an exchange whose process has failed or died, on a disk that may be full. True when the staged files are as
 * they were, so that another run can go on from them.
 */
export function undoExchange(places: ClusterPlaces): boolean {
  const { odoDir } = places.pgdata;
  const journal = journalAsItStands(places.pgdata);
  if (!journal) return false;
  demandOwnRun(places, journal);
  // Somebody may have started a server on content that was all in place, if only for a moment.
  const mayHaveRun = journal.state === 'swapped' || hasRestoredInPlace(journal);
  if (mayHaveRun) {
    rollback(places);
    return false;
  }
  try {
    takeBack(odoDir, journal);
  } catch (error) {
    if (!isFull(error)) throw error;
    // WAL is soon fetched again.
    fs.rmSync(spoolDir(places.pgdata), { recursive: true, force: true });
    takeBack(odoDir, journal);
  }
  return journal.state === 'staged' && journal.fingerprint !== undefined;
}

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
 * Refuses to delete content that may be all there is, since somebody may have removed what is in place. Half-deleted
 * content does not count: it is nothing to go back to.
 * Errors: `unsafeTarget`.
 */
function demandOtherThanLast(pgdata: Place, seen: Seen): void {
  const { journal } = seen;
  if (journal?.state === 'clearing' || !journal?.places.some(hasPrevious) || isStartable(pgdata, seen)) return;
  throw refusedAsLast(pgdata);
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

/**
 * Takes ODO's settings out of postgresql.auto.conf. Gives the names of those that stay, since they have another value
 * by now.
 * @param hasPrepared transactions are prepared; those that were written down are seen anyway
 */
function takeOutSettings(
  pgdata: Place,
  journal: Journal | undefined,
  archiving: 'off' | 'as-configured' | 'as-in-recovery',
  hasPrepared = false,
): string[] {
  const file = path.join(pgdata.root, 'postgresql.auto.conf');
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return [];
  const text = decodeConfiguration(fs.readFileSync(file));
  const written = journal?.recoverySettings ?? [];
  const { conf: bare, left } = removeWritten(text, written);
  if (bare === text) return left;
  const own = hasPrepared || arePrepared(pgdata) ? keepRoomForPrepared(text, bare) : bare;
  const wasOff = blockTurnsArchivingOff(text) || turnsArchivingOff(written);
  const keepOff = archiving === 'off' || (archiving === 'as-in-recovery' && wasOff);
  const kept = encodeConfiguration(keepOff ? addArchiveOff(own) : own);
  writeFileDurably(file, kept, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
  return left;
}

function arePrepared({ root }: Place): boolean {
  const directory = path.join(root, 'pg_twophase');
  return fs.existsSync(directory) && fs.readdirSync(directory).length > 0;
}
