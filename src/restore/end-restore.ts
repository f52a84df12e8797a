import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import { addArchiveOff, blockTurnsArchivingOff, keepRoomForPrepared, removeBlock } from '../postgres/recovery-settings.ts';
import { writeFileDurably } from '../target/durable.ts';
import { isFull, translateFsError } from '../target/fs-errors.ts';
import { type Journal, readJournal, writeJournal } from '../target/journal.ts';
import { type Place, previousDir, restoreCommandFile, spoolDir } from '../target/place.ts';
import { settleSwap, swap, swapBack, takeBack } from '../target/swap.ts';
import { clearAway, hasPrevious } from './clear-away.ts';
import type { FinishOptions, Target } from './engine.ts';
import { leaveHistory } from './leave-history.ts';
import { placesOf } from './staging.ts';

// What the journal allows to be done with the two contents of a place. Whoever calls these holds its lock.

/** An exchange that cannot go on is taken back at once: the old content is in place again when this throws, and what was staged is kept. */
export function exchange(target: Target): void {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) throw new OdoError('bug', `there is no journal in ${odoDir}`);
  try {
    swap(odoDir, journal);
  } catch (error) {
    // As the disk has it: what failed may have been noted all the same.
    const now = readJournal(odoDir) ?? journal;
    if (carriesOn(odoDir, now, error)) return;
    takeBack(odoDir, now);
    throw translateFsError(error, odoDir);
  }
}

/** What has failed once may get through at the second attempt, but not on a full disk, on which no server could recover either. */
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
 * Undoes an exchange whose process has failed or died, on a disk that may be full. True when what was staged is there as it was, so that another
 * run can go on from it.
 */
export function undoExchange(target: Target): boolean {
  const { odoDir, root } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) return false;
  // What was all in place, if only for a moment, somebody may have started a server on.
  const mayHaveRun = journal.state === 'swapped' || (journal.state === 'moving-in' && fs.existsSync(path.join(root, 'global')));
  if (mayHaveRun) {
    rollback(target);
    return false;
  }
  try {
    takeBack(odoDir, journal);
  } catch (error) {
    if (!isFull(error)) throw error;
    // WAL is soon fetched again.
    fs.rmSync(spoolDir(target.pgdata), { recursive: true, force: true });
    takeBack(odoDir, journal);
  }
  return journal.state === 'staged';
}

/** Puts the old content back; false when there is none. */
export function rollback(target: Target): boolean {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal || journal.state === 'clearing' || journal.wiped) return false;
  const hasOld = journal.places.some(hasPrevious);
  // On a full disk the journal needs the room; what goes back needs no WAL of ours.
  if (hasOld) fs.rmSync(spoolDir(target.pgdata), { recursive: true, force: true });
  const wasDisplaced =
    journal.state === 'moving-out' || journal.state === 'moving-back' || (hasOld && journal.state === 'moving-in');
  if (hasOld) {
    // A server may have changed what goes back to `incoming`: if this dies, no later run may take it for staged files of its own.
    delete journal.fingerprint;
    delete journal.finishedParts;
    takeBack(odoDir, journal);
  } else settleSwap(odoDir, journal);
  const isSwapped = journal.state === 'swapped';
  // A restore into an empty place has nothing to go back to, and what it restored may be all there is.
  if (isSwapped && !journal.places.some(hasPrevious)) return false;
  swapBack(odoDir, journal);
  clearAway(journal.places);
  return wasDisplaced || isSwapped;
}

/** Removes staged files and old content. A restored server that has not recovered yet keeps its way back. */
export function clean(target: Target): void {
  const { odoDir, root } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) return;
  if (journal.state !== 'clearing') settleSwap(odoDir, journal);
  const isRestored = journal.state === 'swapped' || journal.state === 'clearing';
  if (journal.state === 'swapped' && isInRecovery(root)) {
    throw new OdoError(
      'unsafeTarget',
      `the server restored to ${root} has not finished its recovery, so the old data may still be needed`,
      {
        hint: 'see the recovery through, or go back with odo rollback',
      },
    );
  }
  // A run that was broken off after the promotion has left its settings. Archiving stays off: nobody was asked about it.
  if (isRestored) {
    takeOutSettings(target.pgdata, 'as-in-recovery');
    leaveHistory(target.pgdata);
  }
  clearAway(journal.places, { keepSalvage: journal.wiped === true && !isRestored });
}

function isInRecovery(root: string): boolean {
  return ['recovery.signal', 'standby.signal'].some((name) => fs.existsSync(path.join(root, name)));
}

/** Ends the restore: settings out, spool and old content away. */
export function finish(options: FinishOptions): void {
  const { pgdata } = options.target;
  const places = placesOf(options.target);
  const keep = options.keepPrevious && places.some(hasPrevious);
  const journal = readJournal(pgdata.odoDir);
  // From here on there is no way back; a crash in the middle of deleting must not look like a restore to take back.
  if (!keep && journal) writeJournal(pgdata.odoDir, { ...journal, state: 'clearing' });
  if (options.settings !== 'leave') {
    const archiving = options.settings === 'remove-but-keep-archiving-off' ? 'off' : 'as-configured';
    takeOutSettings(pgdata, archiving, options.hasPrepared);
    leaveHistory(pgdata);
    fs.rmSync(spoolDir(pgdata), { recursive: true, force: true });
    fs.rmSync(restoreCommandFile(pgdata), { force: true });
  }
  if (keep) return;
  if (options.settings !== 'leave') {
    clearAway(places);
    return;
  }
  for (const place of places) fs.rmSync(previousDir(place), { recursive: true, force: true });
  for (const place of places.slice(1)) fs.rmSync(place.odoDir, { recursive: true, force: true });
  fs.rmSync(path.join(pgdata.odoDir, 'journal.json'), { force: true });
}

/** @param hasPrepared transactions are prepared; those that were written down are seen by themselves */
function takeOutSettings(pgdata: Place, archiving: 'off' | 'as-configured' | 'as-in-recovery', hasPrepared = false): void {
  const file = path.join(pgdata.root, 'postgresql.auto.conf');
  const stat = fs.statSync(file);
  const text = fs.readFileSync(file, 'utf8');
  const bare = removeBlock(text);
  if (bare === text) return;
  const own = hasPrepared || arePrepared(pgdata) ? keepRoomForPrepared(text, bare) : bare;
  const keepOff = archiving === 'off' || (archiving === 'as-in-recovery' && blockTurnsArchivingOff(text));
  writeFileDurably(file, keepOff ? addArchiveOff(own) : own, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
}

function arePrepared({ root }: Place): boolean {
  const directory = path.join(root, 'pg_twophase');
  return fs.existsSync(directory) && fs.readdirSync(directory).length > 0;
}
