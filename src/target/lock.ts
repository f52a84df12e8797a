import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OdoError } from '../errors.ts';

/** How often the holder shows that it is alive. */
const HEARTBEAT_MS = 2000;

/** A holder that has been silent for so long has crashed, or its machine has. */
const SILENT_MS = 10_000;

/** The same for a holder whose process can be seen from here: it may be busy, or its process id another program's by now. */
const SILENT_BUT_SEEN_MS = 600_000;

const LOOK_EVERY_MS = 250;

/** The locks of this very process. */
const held = new Set<string>();

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of one ODO folder, which must be there, or rejects with `unsafeTarget` naming the holder. The lock is a file that the
 * holder touches every two seconds: that tells a crashed holder from a working one across containers and hosts, where process ids mean
 * nothing. So from another one it takes up to two seconds to be refused, and up to ten until a crashed holder's lock is taken over.
 */
export async function takeLock(odoDir: string): Promise<Lock> {
  const file = lockFile(odoDir);
  const holder = `process ${process.pid} on ${os.hostname()} since ${new Date().toISOString()}\n${processSpace() ?? 'unknown'}\n`;
  for (;;) {
    try {
      fs.closeSync(fs.openSync(file, 'wx', 0o600));
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      await demandFree(odoDir);
      removeOfDead(file);
    }
  }
  held.add(file);
  writeName(file, holder);
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release() {
      clearInterval(heartbeat);
      held.delete(file);
      // Another one may have taken it over, if this process was stopped for long.
      if (['', holder].includes(read(file))) removeOwn(file);
    },
  };
}

/** Resolves when nobody holds the lock, or whoever did is dead; `unsafeTarget` names a living holder. Changes nothing. */
export async function demandFree(odoDir: string): Promise<void> {
  const file = lockFile(odoDir);
  const first = lastSign(file);
  for (let last = first; last !== undefined; last = lastSign(file)) {
    const state = holderState(file, last);
    if (state === 'dead') return;
    if (state === 'alive' || last !== first) {
      throw new OdoError(
        'unsafeTarget',
        `another odo is at work in ${odoDir}: ${read(file).split('\n')[0] || 'it does not say which'}`,
        {
          hint: 'wait for it to end',
        },
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function lockFile(odoDir: string): string {
  return path.join(odoDir, 'lock');
}

/** When the holder last showed that it is alive, in ms since the epoch; undefined when there is no lock. */
function lastSign(file: string): number | undefined {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** A holder whose process cannot be seen from here is dead when it has been silent for long, and else has to be watched. */
function holderState(file: string, lastSignMs: number): 'alive' | 'dead' | 'unknown' {
  const [, pid, space] = /^process (\d+) on .*\n(.+)\n/.exec(read(file)) ?? [];
  const silentMs = Math.abs(Date.now() - lastSignMs);
  if (space === undefined || space !== processSpace()) return silentMs > SILENT_MS ? 'dead' : 'unknown';
  return isAlive(Number(pid), file) && silentMs < SILENT_BUT_SEEN_MS ? 'alive' : 'dead';
}

/** Where process ids mean the same as here: one boot of one kernel, and one of its process namespaces. undefined where there is no /proc. */
function processSpace(): string | undefined {
  try {
    return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fs.readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number, file: string): boolean {
  // Every container's first process has the same id, and a namespace's name is given again when its last process is gone.
  if (pid === process.pid) return held.has(file);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Renamed before it is removed: of two that find it, one moves it away, and a lock that is new in the meantime comes back. */
function removeOfDead(file: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    if (holderState(aside, fs.statSync(aside).mtimeMs) !== 'dead') fs.linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  fs.rmSync(aside, { force: true });
}

/** A lock without a name is a lock all the same: on a full disk there may be no room for more. */
function writeName(file: string, holder: string): void {
  try {
    fs.writeFileSync(file, holder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
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

function touch(file: string): void {
  const now = new Date();
  try {
    fs.utimesSync(file, now, now);
  } catch {
    // The folder was removed under us at the end of the work; there is nothing left to hold.
  }
}
