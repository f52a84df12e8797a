import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OdoError } from '../../errors.ts';
import { isFull } from '../places/fs-errors.ts';
import { processSpace, startOfProcess } from '../places/process-identity.ts';
import { type Beating, startBeating, UPTIME_DIGITS } from './heartbeat.ts';

/** A holder on this machine that has been silent for so long has crashed. */
const SILENT_MS = 10_000;

const LOOK_EVERY_MS = 250;

/**
 * The number of looks at a lock file whose holder's process cannot be seen. Only the file tells then, since nobody
 * knows which clock is wrong.
 */
const LOOKS = 20;
/** The number of looks at a file that seems to have been touched a moment ago. */
const LOOKS_WHEN_RECENT = 40;
/**
 * The number of looks at the file of a holder of this boot that has been silent by the machine's running time. They
 * take three beats: the machine may have slept, and the holder may go on a moment later than the one who looks.
 */
const LOOKS_WHEN_SILENT = 14;

/** The locks of this very process. `name` is the beginning of a lock's file, `inode` the number of the file. */
const held = new Map<string, { name: string; inode: number }>();

export interface Lock {
  release(): void;
}

/** The signs of life of a lock file; they change with each beat. */
interface Sign {
  inode: number;
  touchedMs: number;
}

/**
 * Takes the lock of one ODO folder, which must be there. `unsafeTarget` names a living holder. The lock is a file that
 * the holder touches every second, by a thread that does nothing else. Where the holder's process can be seen, that
 * tells whether the holder lives. Across containers and hosts, where process ids mean nothing, the beat tells, whatever
 * the clocks say. So a refusal from there takes a moment, and a crashed holder's lock is taken over after up to ten
 * seconds.
 */
export async function takeLock(odoDir: string): Promise<Lock> {
  const file = lockFile(odoDir);
  const fd = await create(odoDir);
  const name =
    `process ${process.pid} on ${os.hostname()} since ` +
    `${new Date().toISOString()}\n${processSpace() ?? 'unknown'}\n`;
  const before = `${name}${startOfProcess('self')} `;
  let own = { name, inode: 0 };
  try {
    const isNamed = writeName(fd, `${before}${uptimeMs().padStart(UPTIME_DIGITS, '0')}\n`);
    own = { name: isNamed ? name : '', inode: fs.fstatSync(fd).ino };
    held.set(file, own);
    const stopBeating = await beat({ file, name: own.name, at: isNamed ? Buffer.byteLength(before) : undefined });
    return {
      release() {
        stopBeating();
        release(file, own);
      },
    };
  } catch (error) {
    release(file, own);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

/** Creates the lock file, and gives it open: whatever its path leads to later, this file is the lock. */
async function create(odoDir: string): Promise<number> {
  const file = lockFile(odoDir);
  for (;;) {
    try {
      return fs.openSync(file, 'wx', 0o600);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const dead = await findDead(odoDir);
      if (dead) removeOfDead(file, dead);
    }
  }
}

/** Begins to beat. Without a beat, everybody elsewhere would take this holder for dead. */
async function beat(beating: Beating): Promise<() => void> {
  return startBeating(beating).catch((cause: unknown) => {
    throw new OdoError(
      'unsafeTarget',
      `no thread can be started that shows that this odo is at work: ${(cause as Error).message}`,
      {
        hint: 'nothing was touched; raise the limit of processes and threads (pids_limit, ulimit -u) or of memory',
        cause,
      },
    );
  });
}

/** Removes the lock, unless another has taken it over while this process was stopped for long. */
function release(file: string, own: { name: string; inode: number }): void {
  held.delete(file);
  if (isOwn(file, own)) removeOwn(file);
}

function isOwn(file: string, { name, inode }: { name: string; inode: number }): boolean {
  return name === '' ? read(file) === '' && signOf(file)?.inode === inode : read(file).startsWith(name);
}

/**
 * `unsafeTarget` when the lock that this process has taken is another's by now, or gone. The process was stopped for
 * long then, and someone who took it for dead is at work. Does nothing where this process has taken no lock.
 */
export function demandHeld(odoDir: string): void {
  const file = lockFile(odoDir);
  const own = held.get(file);
  if (!own || isOwn(file, own)) return;
  const holder = read(file).split('\n')[0] || 'nobody says who';
  throw new OdoError(
    'unsafeTarget',
    `the lock of ${odoDir} was taken from this odo, which was silent for too long: ${holder}`,
    {
      hint:
        'nothing more was touched; see with odo status what is there by now, and run the same command again ' +
        'when nobody else is at work',
    },
  );
}

/**
 * Resolves when nobody holds the lock, or whoever did is dead; `unsafeTarget` names a living holder. Changes nothing.
 */
export async function demandFree(odoDir: string): Promise<void> {
  await findDead(odoDir);
}

/** The lock file of a dead holder; undefined when there is none. Rejects when the holder lives. */
async function findDead(odoDir: string): Promise<Sign | undefined> {
  const file = lockFile(odoDir);
  const first = signOf(file);
  if (!first) return undefined;
  const isRecent = Math.abs(Date.now() - first.touchedMs) < SILENT_MS;
  // Looks are counted, and not the time: where the whole machine was asleep meanwhile, none of that was silence.
  for (let looked = 0; ; looked++) {
    const state = holderState(file, first);
    if (state === 'dead') return first;
    if (state === 'alive') throw heldBy(odoDir, file);
    if (looked >= (state === 'silent' ? LOOKS_WHEN_SILENT : isRecent ? LOOKS_WHEN_RECENT : LOOKS)) return first;
    await sleep(LOOK_EVERY_MS);
    const last = signOf(file);
    if (!last) return undefined;
    if (!areSame(first, last)) throw heldBy(odoDir, file);
  }
}

function heldBy(odoDir: string, file: string): OdoError {
  const holder = read(file).split('\n')[0] || 'it does not say which';
  return new OdoError('unsafeTarget', `another odo is at work in ${odoDir}: ${holder}`, { hint: 'wait for it to end' });
}

function lockFile(odoDir: string): string {
  return path.join(odoDir, 'lock');
}

/**
 * The signs of a lock; undefined when there is none. Opens the file, since network file systems then ask their server
 * anew.
 */
function signOf(file: string): Sign | undefined {
  try {
    fs.closeSync(fs.openSync(file, 'r'));
  } catch {
    // The file may be another user's, who lets nobody read it.
  }
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat && { inode: stat.ino, touchedMs: stat.mtimeMs };
}

function areSame(one: Sign, other: Sign): boolean {
  return one.inode === other.inode && one.touchedMs === other.touchedMs;
}

/** `unknown`: the holder's beat has to be watched. `silent`: it has to be watched, but not for as long. */
function holderState(file: string, sign: Sign): 'alive' | 'dead' | 'unknown' | 'silent' {
  const [, pid, space = '', start, uptime] = /^process (\d+) on .*\n(.+)\n(?:(\S+) (\d+)\n)?/.exec(read(file)) ?? [];
  const here = processSpace();
  if (here === undefined || pid === undefined) return 'unknown';
  if (space !== here) return isOfThisBoot(space, here) && uptime !== undefined ? bySilence(Number(uptime)) : 'unknown';
  if (Number(pid) === process.pid && !held.has(file)) return 'dead';
  const found = startOfProcess(Number(pid));
  if (found === 'gone') return 'dead';
  if (start !== undefined && found !== 'hidden') return String(found) === start ? 'alive' : 'dead';
  // Another program may have that process id by now.
  return Math.abs(Date.now() - sign.touchedMs) < SILENT_MS * 60 ? 'alive' : 'unknown';
}

/** Judges by the machine's running time, which is the same in all of its containers, and which nobody sets. */
function bySilence(lastUptimeMs: number): 'silent' | 'unknown' {
  return Number(uptimeMs()) - lastUptimeMs > SILENT_MS ? 'silent' : 'unknown';
}

function isOfThisBoot(space: string, here: string): boolean {
  return space.split(' ')[0] === here.split(' ')[0];
}

function uptimeMs(): string {
  return String(Math.round(os.uptime() * 1000));
}

/**
 * Removes a dead holder's lock file, renaming it first. Of two processes that find it, only one moves it away. If a new
 * lock was moved, it is put back.
 */
function removeOfDead(file: string, dead: Sign): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    fs.renameSync(file, aside);
    const moved = signOf(aside);
    if (moved && !areSame(moved, dead)) putBack(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  fs.rmSync(aside, { force: true });
}

/**
 * Puts a lock file back. Throws EEXIST when there is a new one by now: that is never overwritten. Where there are no
 * hard links, a copy does, since the holder knows its lock by the words in it.
 */
function putBack(aside: string, file: string): void {
  try {
    fs.linkSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    fs.copyFileSync(aside, file, fs.constants.COPYFILE_EXCL);
    const { uid, gid } = fs.statSync(aside);
    if (process.getuid?.() === 0) fs.chownSync(file, uid, gid);
  }
}

/** Writes the holder's name. False when the disk is full: a lock without a name is a lock all the same. */
function writeName(fd: number, holder: string): boolean {
  try {
    fs.writeFileSync(fd, holder);
    return true;
  } catch (error) {
    if (!isFull(error)) throw error;
    // Half a name would be somebody else's.
    fs.ftruncateSync(fd, 0);
    return false;
  }
}

/**
 * Removes this process's lock file. A disk that has made itself read-only keeps the file, which then counts as a dead
 * holder's. This failure must not hide the error that has ended the work.
 */
function removeOwn(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // The next process sees that the holder is gone, or silent.
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
