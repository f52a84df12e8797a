import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import { addArchiveOff, blockTurnsArchivingOff, removeBlock } from '../postgres/recovery-settings.ts';
import { writeFileDurably } from '../target/durable.ts';
import { translateFsError } from '../target/fs-errors.ts';
import { readJournal, writeJournal } from '../target/journal.ts';
import { type Place, previousDir, restoreCommandFile, spoolDir } from '../target/place.ts';
import { settleSwap, swap, swapBack } from '../target/swap.ts';
import { clearAway, hasPrevious } from './clear-away.ts';
import type { FinishOptions, Target } from './engine.ts';
import { placesOf } from './staging.ts';

// What the journal allows to be done with the two contents of a place. Whoever calls these holds its lock.

/** An exchange that cannot go on is settled at once: the old content is in place again when this throws, the new when it does not. */
export function exchange(target: Target): void {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) throw new OdoError('bug', `there is no journal in ${odoDir}`);
  try {
    swap(odoDir, journal);
  } catch (error) {
    settleSwap(odoDir, journal);
    if (journal.state !== 'swapped') throw translateFsError(error, odoDir);
  }
}

/** Puts the old content back; false when there is none. */
export function rollback(target: Target): boolean {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal || journal.state === 'clearing' || journal.wiped) return false;
  // On a full disk the journal needs the room; what goes back needs no WAL of ours.
  if (journal.places.some(hasPrevious)) fs.rmSync(spoolDir(target.pgdata), { recursive: true, force: true });
  const wasDisplaced = journal.state === 'moving-out' || journal.state === 'moving-back';
  settleSwap(odoDir, journal);
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
  if (isRestored) takeOutSettings(target.pgdata, 'as-in-recovery');
  clearAway(journal.places);
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
    takeOutSettings(pgdata, options.settings === 'remove-but-keep-archiving-off' ? 'off' : 'as-configured');
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

function takeOutSettings(pgdata: Place, archiving: 'off' | 'as-configured' | 'as-in-recovery'): void {
  const file = path.join(pgdata.root, 'postgresql.auto.conf');
  const stat = fs.statSync(file);
  const text = fs.readFileSync(file, 'utf8');
  const own = removeBlock(text);
  if (own === text) return;
  const keepOff = archiving === 'off' || (archiving === 'as-in-recovery' && blockTurnsArchivingOff(text));
  writeFileDurably(file, keepOff ? addArchiveOff(own) : own, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
}
