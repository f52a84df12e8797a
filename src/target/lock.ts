import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OdoError } from '../errors.ts';
import { startBeating, UPTIME_DIGITS } from './heartbeat.ts';
import { processSpace, startOfProcess } from './process-identity.ts';

/** A holder on this machine that has been silent for so long has crashed. */
const SILENT_MS = 10_000;

const LOOK_EVERY_MS = 250;

/**
 * Of a holder on another machine only its file can be watched, since nobody knows what is wrong with which clock: for so many looks, and for more
 * where it seems to have been touched a moment ago.
 */
const LOOKS = 20;
const LOOKS_WHEN_RECENT = 40;

/** The locks of this very process. */
const held = new Set<string>();

export interface Lock {
  release(): void;
}

/** What can be seen of a lock file; it changes with each beat. */
interface Sign {
  inode: number;
  touchedMs: number;
}

/**
 * Takes the lock of one ODO folder, which must be there, or rejects with `unsafeTarget` naming the holder. The lock is a file that the holder
 * touches every second, by a thread that does nothing else. Where its process can be seen, that tells whether it lives; across containers and hosts,
 * where process ids mean nothing, the beat does, whatever the clocks say. So from elsewhere it takes a moment to be refused, and
 * up to ten seconds until a crashed holder's lock is taken over.
 */
export async function takeLock(odoDir: string): Promise<Lock> {
  const file = lockFile(odoDir);
  for (;;) {
    try {
      fs.closeSync(fs.openSync(file, 'wx', 0o600));
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const dead = await findDead(odoDir);
      if (dead) removeOfDead(file, dead);
    }
  }
  held.add(file);
  const name = `process ${process.pid} on ${os.hostname()} since ${new Date().toISOString()}\n${processSpace() ?? 'unknown'}\n`;
  const before = `${name}${startOfProcess('self')} `;
  const isNamed = writeName(file, `${before}${uptimeMs().padStart(UPTIME_DIGITS, '0')}\n`);
  const stopBeating = startBeating(isNamed ? { file, name, at: Buffer.byteLength(before) } : { file, name: '', at: undefined });
  return {
    release() {
      stopBeating();
      held.delete(file);
      // Another one may have taken it over, if this process was stopped for long.
      const words = read(file);
      if (words === '' || words.startsWith(name)) removeOwn(file);
    },
  };
}

/** Resolves when nobody holds the lock, or whoever did is dead; `unsafeTarget` names a living holder. Changes nothing. */
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
  for (let looks = isRecent ? LOOKS_WHEN_RECENT : LOOKS; looks > 0; looks--) {
    const state = holderState(file, first);
    if (state === 'dead') return first;
    if (state === 'alive') throw heldBy(odoDir, file);
    await sleep(LOOK_EVERY_MS);
    const last = signOf(file);
    if (!last) return undefined;
    if (!areSame(first, last)) throw heldBy(odoDir, file);
  }
  return first;
}

function heldBy(odoDir: string, file: string): OdoError {
  const holder = read(file).split('\n')[0] || 'it does not say which';
  return new OdoError('unsafeTarget', `another odo is at work in ${odoDir}: ${holder}`, { hint: 'wait for it to end' });
}

function lockFile(odoDir: string): string {
  return path.join(odoDir, 'lock');
}

/** undefined when there is no lock. Network file systems ask their server anew when a file is opened. */
function signOf(file: string): Sign | undefined {
  try {
    fs.closeSync(fs.openSync(file, 'r'));
  } catch {
    // It may be somebody else's, who lets nobody read it.
  }
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat && { inode: stat.ino, touchedMs: stat.mtimeMs };
}

function areSame(one: Sign, other: Sign): boolean {
  return one.inode === other.inode && one.touchedMs === other.touchedMs;
}

/** `unknown`: its beat has to be watched. */
function holderState(file: string, sign: Sign): 'alive' | 'dead' | 'unknown' {
  const [, pid, space = '', start, uptime] = /^process (\d+) on .*\n(.+)\n(?:(\S+) (\d+)\n)?/.exec(read(file)) ?? [];
  const here = processSpace();
  if (here === undefined || pid === undefined) return 'unknown';
  if (space !== here) return isOfThisBoot(space, here) && uptime !== undefined ? bySilence(Number(uptime)) : 'unknown';
  if (Number(pid) === process.pid && !held.has(file)) return 'dead';
  const found = startOfProcess(Number(pid));
  if (found === 'gone') return 'dead';
  if (start !== undefined && found !== 'hidden') return String(found) === start ? 'alive' : 'dead';
  // Another program may have that number by now.
  return Math.abs(Date.now() - sign.touchedMs) < SILENT_MS * 60 ? 'alive' : 'unknown';
}

/** The machine's running time is the same in all of its containers, and nobody sets it. */
function bySilence(lastUptimeMs: number): 'dead' | 'unknown' {
  return Number(uptimeMs()) - lastUptimeMs > SILENT_MS ? 'dead' : 'unknown';
}

function isOfThisBoot(space: string, here: string): boolean {
  return space.split(' ')[0] === here.split(' ')[0];
}

function uptimeMs(): string {
  return String(Math.round(os.uptime() * 1000));
}

/** Renamed before it is removed: of two that find it, one moves it away, and a lock that is new in the meantime comes back. */
function removeOfDead(file: string, dead: Sign): void {
  const aside = `${file}.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    const moved = signOf(aside);
    if (moved && !areSame(moved, dead)) fs.linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  fs.rmSync(aside, { force: true });
}

/** A lock without a name is a lock all the same: on a full disk there may be no room for more. False when it has none. */
function writeName(file: string, holder: string): boolean {
  try {
    fs.writeFileSync(file, holder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    return false;
  }
}

/** A disk that has made itself read-only keeps the file: it is a dead holder's then, and must not hide what has ended the work. */
function removeOwn(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // Whoever comes next sees that its process is gone, or that it is silent.
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
