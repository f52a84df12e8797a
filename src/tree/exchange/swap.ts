import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { demandPlaces } from '../places/demand-places.ts';
import { syncDirectory } from '../places/durable.ts';
import { isFull } from '../places/fs-errors.ts';
import { incomingDir, type Place, previousDir } from '../places/place.ts';
import { GUARD, namesIn, putGuard } from './guard.ts';
import { type Journal, type JournalState, writeJournal } from './journal.ts';
import { makeSpares, removeSpares, writeJournalToSpare } from './journal-spares.ts';
import { demandHeld } from './lock.ts';

/**
 * The entry that moves in first and out last. An image's entry point that finds none takes the directory for new, and
 * makes an empty cluster in it.
 */
const FIRST = GUARD;

/**
 * The entry that moves in last and out first. So a half-moved directory lacks pg_control, and no server can start on
 * it.
 */
const LAST = 'global';

/**
 * Exchanges the content of all places of a staged restore: the old to `previous`, the new from `incoming`. Only
 * renames. After a crash, settleSwap() finishes or undoes what the journal says was under way.
 */
export function swap(odoDir: string, journal: Journal): void {
  if (journal.state !== 'staged') throw new OdoError('bug', `cannot swap in state ${journal.state}`);
  demandPlaces(journal.places);
  for (const place of journal.places) makePrevious(place);
  makeSpares(odoDir, journal);
  record(odoDir, journal, 'moving-out');
  for (const place of journal.places) {
    if (!isGuarded(journal, place)) moveAll(place.root, previousDir(place), { globalFirst: true });
  }
  record(odoDir, journal, 'moving-in');
  settleSwap(odoDir, journal);
}

/**
 * Brings an interrupted swap or rollback to a definite end (state staged or swapped). It is undone when the old content
 * was still moving out, and finished when the new was moving in. A rollback that had begun is carried through. One that
 * sets the new content aside ends swapped.
 * @param how atOnce: the exchange failed in this very moment, so that no server can have been started since
 */
export function settleSwap(odoDir: string, journal: Journal, how: { atOnce?: boolean } = {}): void {
  demandHeld(odoDir);
  if (isMidway(journal)) demandPlaces(journal.places);
  if (journal.state === 'moving-back') {
    if (!how.atOnce && hasRestoredInPlace(journal) && journal.fingerprint !== undefined) {
      distrustStaged(journal);
      recordWayBack(odoDir, journal, 'moving-back');
    }
    for (const place of journal.places) moveBack(journal, place);
    recordWayBack(odoDir, journal, 'moving-out');
  }
  if (journal.state === 'moving-out') {
    for (const place of dataLast(journal)) moveAll(previousDir(place), place.root, { globalFirst: false });
    recordWayBack(odoDir, journal, journal.settingAside ? 'setting-aside' : 'staged');
  }
  if (journal.state === 'setting-aside') {
    for (const place of journal.places) setAside(place);
    // Nobody has judged the data that is set aside now, nor given it up.
    const {
      settingAside: _done,
      rolledBack,
      isRollbackTold: _former,
      isOldDataJudged: _judged,
      allowDifferentCluster: _given,
      ...rest
    } = journal;
    const setAsideAt = new Date().toISOString();
    const ended: Journal = { ...rest, setAsideAt, ...(rolledBack ? {} : { rolledBack: true }) };
    recordWayBack(odoDir, ended, 'swapped');
    for (const key of [
      'settingAside',
      'rolledBack',
      'isRollbackTold',
      'isOldDataJudged',
      'allowDifferentCluster',
    ] as const)
      delete journal[key];
    Object.assign(journal, ended);
    removeSpares(odoDir);
  } else if (journal.state === 'moving-in') {
    for (const place of dataLast(journal)) {
      moveAll(incomingDir(place), place.root, { globalFirst: false, overGuard: isGuarded(journal, place) });
    }
    record(odoDir, journal, 'swapped');
    // Not before: until then the way back may need these folders, and the room that they have.
    for (const place of journal.places) fs.rmSync(incomingDir(place), { recursive: true, force: true });
    removeSpares(odoDir);
  }
}

/**
 * Undoes an exchange that has not come to its end, on a disk that may be full. The old content is in place again, and
 * the staged content in `incoming`. If all of the new content was in place for a moment, a server may have run on it,
 * and no later run builds on it. Does nothing where there is no such exchange.
 */
export function takeBack(odoDir: string, journal: Journal, how: { atOnce?: boolean } = {}): void {
  if (journal.state === 'moving-in') {
    demandPlaces(journal.places);
    if (!how.atOnce && hasRestoredInPlace(journal)) distrustStaged(journal);
    recordWayBack(odoDir, journal, 'moving-back');
  }
  settleSwap(odoDir, journal, how);
}

/**
 * Puts the old content back in place. The content that had replaced it goes to `incoming`, possibly changed by a
 * server.
 */
export function swapBack(odoDir: string, journal: Journal): void {
  settleSwap(odoDir, journal);
  if (journal.state !== 'swapped') return;
  demandPlaces(journal.places);
  distrustStaged(journal);
  recordWayBack(odoDir, journal, 'moving-back');
  settleSwap(odoDir, journal);
}

/**
 * Puts the old content back in place, and keeps the content that was there as `previous`, so that the same call
 * exchanges them again. Only renames. After a crash, settleSwap() carries it through.
 */
export function swapAside(odoDir: string, journal: Journal): void {
  if (journal.state !== 'swapped') throw new OdoError('bug', `cannot set aside in state ${journal.state}`);
  demandPlaces(journal.places);
  // Whatever is left in `incoming` has no part in this.
  for (const place of journal.places) fs.rmSync(incomingDir(place), { recursive: true, force: true });
  const begun: Journal = { ...journal, settingAside: true };
  makeSpares(odoDir, begun);
  record(odoDir, begun, 'moving-back');
  Object.assign(journal, begun);
  settleSwap(odoDir, journal);
}

function isMidway({ state }: Journal): boolean {
  return ['moving-out', 'moving-in', 'moving-back', 'setting-aside'].includes(state);
}

/** Whether all of the restored content is in place, although the exchange or the way back did not come to its end. */
export function hasRestoredInPlace({ state, settingAside, places: [pgdata] }: Journal): boolean {
  // PGDATA's global directory moves in last and out first. The tablespaces move in before it, and out after it.
  const isMoving = (state === 'moving-in' || state === 'moving-back') && !settingAside;
  return isMoving && pgdata !== undefined && fs.existsSync(path.join(pgdata.root, LAST));
}

/**
 * A server may have changed the content that goes back to `incoming`. No later run may take it for staged files of its
 * own.
 */
function distrustStaged(journal: Journal): void {
  delete journal.fingerprint;
  delete journal.finishedParts;
}

/** Writes a state to the journal. The state in memory changes only after that, so it is as the disk has it. */
function record(odoDir: string, journal: Journal, state: JournalState): void {
  writeJournal(odoDir, { ...journal, state });
  journal.state = state;
}

/** Records a state of the way back, also on a full disk, as long as a spare journal is left. */
function recordWayBack(odoDir: string, journal: Journal, state: JournalState): void {
  try {
    record(odoDir, journal, state);
  } catch (error) {
    if (!isFull(error) || !writeJournalToSpare(odoDir, { ...journal, state })) throw error;
    journal.state = state;
  }
}

/**
 * Whether a place held nothing but the guard. The guard takes no part in the exchange, but gives way to the new
 * PG_VERSION.
 */
function isGuarded({ guarded, places }: Journal, place: Place): boolean {
  return guarded === true && place === places[0];
}

/** Moves the new content out again. If there was a guard before, it is put back in the end. */
function moveBack(journal: Journal, place: Place): void {
  const incoming = incomingDir(place);
  fs.mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const hasNothingOfIt = isGuarded(journal, place) && fs.existsSync(path.join(incoming, FIRST));
  // Where nothing has moved in yet, `incoming` has kept its own owner and mode.
  if (!hasNothingOfIt && namesIn(place.root).length > 0) moveAll(place.root, incoming, { globalFirst: true });
  if (!isGuarded(journal, place) || namesIn(place.root).length > 0) return;
  const { uid, gid } = fs.statSync(incoming);
  putGuard(place.root, fs.readFileSync(path.join(incoming, FIRST), 'utf8').split('\n')[0], { uid, gid });
}

/** Makes the content that came out of a place its `previous`, by one rename. */
function setAside(place: Place): void {
  const [incoming, previous] = [incomingDir(place), previousDir(place)];
  if (!fs.existsSync(incoming)) return;
  // All of the old content is back in place.
  if (fs.existsSync(previous)) fs.rmdirSync(previous);
  fs.renameSync(incoming, previous);
  syncDirectory(place.odoDir);
}

/** PGDATA's pg_control comes back only when all tablespaces are in place, so that no server can start without them. */
function dataLast(journal: Journal): Place[] {
  return [...journal.places].reverse();
}

/**
 * Makes `previous` before anything is moved. Undoing a move takes owner and mode from it, so they must be right from
 * the first rename on.
 */
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
 * Renames every entry of one directory into another, which also takes over its owner and mode. A name that is there
 * already is an error and is never overwritten, except for the guard.
 */
function moveAll(from: string, to: string, order: { globalFirst: boolean; overGuard?: boolean }): void {
  if (!fs.existsSync(from)) return;
  // Somebody may have removed the directory itself. ODO's folder is there, which shows that its volume is mounted.
  makeAlike(from, to);
  takeOver(from, to);
  const names = namesIn(from);
  names.sort((a, b) => rank(a) - rank(b));
  if (order.globalFirst) names.reverse();
  for (const name of names) {
    const target = path.join(to, name);
    const givesWay = order.overGuard && name === FIRST;
    if (!givesWay && fs.lstatSync(target, { throwIfNoEntry: false })) {
      throw new OdoError('unsafeTarget', `cannot move ${path.join(from, name)}: ${target} exists`, {
        hint: 'something else has written into the directory; compare the two and remove the one you do not need',
      });
    }
    fs.renameSync(path.join(from, name), target);
  }
  syncDirectory(from);
  syncDirectory(to);
}

function rank(name: string): number {
  return Number(name === LAST) - Number(name === FIRST);
}

/** Makes a directory, and those on the way to it, for the owner of another one. */
function makeAlike(from: string, to: string): void {
  if (fs.existsSync(to)) return;
  makeAlike(from, path.dirname(to));
  fs.mkdirSync(to, { mode: 0o700 });
  takeOver(from, to);
}

function takeOver(from: string, to: string): void {
  const { uid, gid, mode } = fs.statSync(from);
  fs.chmodSync(to, mode & 0o7777);
  if (process.getuid?.() === 0) fs.chownSync(to, uid, gid);
}
