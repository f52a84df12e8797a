import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import { syncDirectory } from './durable.ts';
import { isFull } from './fs-errors.ts';
import { type Journal, type JournalState, writeJournal } from './journal.ts';
import { makeSpares, removeSpares, writeJournalToSpare } from './journal-spares.ts';
import { incomingDir, ODO_DIR, type Place, previousDir } from './place.ts';

/** What stays where it is when a place's content is exchanged: ODO's own folder, and what mkfs left. */
const FIXED = new Set([ODO_DIR, 'lost+found']);

/** Moved in first and out last: where an image's entry point finds none, it takes the directory for new and makes an empty cluster in it. */
const FIRST = 'PG_VERSION';

/** Moved in last and out first, so that a half-moved directory lacks pg_control and no server can start on it. */
const LAST = 'global';

/**
 * Exchanges the content of all places of a staged restore: the old to `previous`, the new from `incoming`, by renames only.
 * After a crash settleSwap() finishes or undoes what the journal says was under way.
 */
export function swap(odoDir: string, journal: Journal): void {
  if (journal.state !== 'staged') throw new OdoError('bug', `cannot swap in state ${journal.state}`);
  for (const place of journal.places) makePrevious(place);
  makeSpares(odoDir, journal);
  record(odoDir, journal, 'moving-out');
  for (const place of journal.places) moveAll(place.root, previousDir(place), { globalFirst: true });
  record(odoDir, journal, 'moving-in');
  settleSwap(odoDir, journal);
}

/**
 * Brings an interrupted swap or rollback to a definite end (state staged or swapped): undone when the old content was still
 * moving out, finished when the new was moving in, carried through when a rollback had begun.
 */
export function settleSwap(odoDir: string, journal: Journal): void {
  if (journal.state === 'moving-back') {
    for (const place of journal.places) {
      fs.mkdirSync(incomingDir(place), { recursive: true, mode: 0o700 });
      // Where nothing has moved in yet, `incoming` has kept its own owner and mode.
      if (entriesOf(place.root).length > 0) moveAll(place.root, incomingDir(place), { globalFirst: true });
    }
    recordWayBack(odoDir, journal, 'moving-out');
  }
  if (journal.state === 'moving-out') {
    for (const place of dataLast(journal)) moveAll(previousDir(place), place.root, { globalFirst: false });
    recordWayBack(odoDir, journal, 'staged');
  } else if (journal.state === 'moving-in') {
    for (const place of dataLast(journal)) moveAll(incomingDir(place), place.root, { globalFirst: false });
    record(odoDir, journal, 'swapped');
    // Not before: until then the way back may need them, and the room that they have.
    for (const place of journal.places) fs.rmSync(incomingDir(place), { recursive: true, force: true });
    removeSpares(odoDir);
  }
}

/**
 * Undoes an exchange that has not come to its end, on a disk that may be full: the old content is in place again, and what was staged is in
 * `incoming` as it was, since no server has run on it. Does nothing where there is no such exchange.
 */
export function takeBack(odoDir: string, journal: Journal): void {
  if (journal.state === 'moving-in') recordWayBack(odoDir, journal, 'moving-back');
  settleSwap(odoDir, journal);
}

/** Puts the old content back in place; what had replaced it is in `incoming` again, possibly changed by a server. */
export function swapBack(odoDir: string, journal: Journal): void {
  settleSwap(odoDir, journal);
  if (journal.state !== 'swapped') return;
  // A server has changed what goes back to `incoming`: no later run may take it for staged files of its own.
  delete journal.fingerprint;
  delete journal.finishedParts;
  recordWayBack(odoDir, journal, 'moving-back');
  settleSwap(odoDir, journal);
}

/** What could not be written has not come about: the journal is as the disk has it. */
function record(odoDir: string, journal: Journal, state: JournalState): void {
  writeJournal(odoDir, { ...journal, state });
  journal.state = state;
}

/** Also on a full disk, as long as there is room that was taken beforehand. */
function recordWayBack(odoDir: string, journal: Journal, state: JournalState): void {
  try {
    record(odoDir, journal, state);
  } catch (error) {
    if (!isFull(error) || !writeJournalToSpare(odoDir, { ...journal, state })) throw error;
    journal.state = state;
  }
}

/** PGDATA's pg_control comes back only when all tablespaces are in place, so that no server can start without them. */
function dataLast(journal: Journal): Place[] {
  return [...journal.places].reverse();
}

/** Done before anything is moved: undoing a move takes owner and mode from here, so they must be right from the first rename on. */
function makePrevious(place: Place): void {
  const previous = previousDir(place);
  fs.mkdirSync(previous, { recursive: true, mode: 0o700 });
  if (fs.readdirSync(previous).length > 0) {
    throw new OdoError('unsafeTarget', `${previous} holds older data, and no journal says where it belongs`, {
      hint: 'move it away if you may need it, or remove it; then run the same command again',
    });
  }
  takeOver(place.root, previous);
}

/**
 * Renames every entry of one directory into another, which takes over its owner and mode too.
 * What is already there under a name is an error, never overwritten.
 */
function moveAll(from: string, to: string, order: { globalFirst: boolean }): void {
  if (!fs.existsSync(from)) return;
  takeOver(from, to);
  const names = entriesOf(from);
  names.sort((a, b) => rank(a) - rank(b));
  if (order.globalFirst) names.reverse();
  for (const name of names) {
    const target = path.join(to, name);
    if (fs.lstatSync(target, { throwIfNoEntry: false })) {
      throw new OdoError('unsafeTarget', `cannot move ${path.join(from, name)}: ${target} exists`, {
        hint: 'something else has written into the directory; compare the two and remove the one you do not need',
      });
    }
    fs.renameSync(path.join(from, name), target);
  }
  syncDirectory(from);
  syncDirectory(to);
}

function entriesOf(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => !FIXED.has(name));
}

function rank(name: string): number {
  return Number(name === LAST) - Number(name === FIRST);
}

function takeOver(from: string, to: string): void {
  const { uid, gid, mode } = fs.statSync(from);
  fs.chmodSync(to, mode & 0o7777);
  if (process.getuid?.() === 0) fs.chownSync(to, uid, gid);
}
