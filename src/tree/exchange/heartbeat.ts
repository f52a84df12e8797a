import { Worker } from 'node:worker_threads';

/** How often a holder shows that it is alive. */
const BEAT_MS = 1000;

/** A file that is touched as long as this process lives. */
export interface Beating {
  file: string;
  /** What it begins with, so that another's of that name is left alone; empty: nothing is in it. */
  name: string;
  /** Where in the file the machine's running time is to stand, in ms, in as many digits; undefined: nowhere. */
  at: number | undefined;
}

/** So many digits, so that beating changes no sizes and needs no room. */
export const UPTIME_DIGITS = 15;

/** After a thread has died, the next one is tried for at these intervals, as long as there is something to beat. */
const AGAIN_AFTER_MS = 500;

/**
 * A thread of its own, since the main one may be busy for minutes: removing a tree, flushing a disk. As text, so that
 * it needs no file beside the bundle; it imports nothing of ours. It answers to what it begins with.
 */
const PROGRAM = `
const fs = require('node:fs');
const os = require('node:os');
const { parentPort, workerData } = require('node:worker_threads');
const beating = new Map();
function beat({ file, name, at }) {
  try {
    const fd = fs.openSync(file, 'r+');
    try {
      const words = fs.readFileSync(fd, 'utf8');
      if (name === '' ? words !== '' : !words.startsWith(name)) return;
      try {
        const uptimeMs = String(Math.round(os.uptime() * 1000));
        if (at !== undefined) fs.writeSync(fd, uptimeMs.padStart(workerData.digits, '0'), at);
      } catch {}
      const now = new Date();
      fs.futimesSync(fd, now, now);
    } finally {
      fs.closeSync(fd);
    }
  } catch {}
}
parentPort.on('message', ({ begin, end }) => {
  if (!begin) return beating.delete(end);
  beating.set(begin.file, begin);
  parentPort.postMessage(begin.file);
});
setInterval(() => beating.forEach(beat), workerData.everyMs);
`;

/** What is to be beaten by this process, by file; a thread that takes the place of a dead one begins with all of it. */
const beatings = new Map<string, Beating>();

let thread: Worker | undefined;

/**
 * Touches the file every second from now on, also while this thread is busy; another thread takes over where the one
 * that does it dies. Resolves, once a thread does it, to what ends it. Rejects with what the system says when it has no
 * thread to give.
 */
export async function startBeating(beating: Beating): Promise<() => void> {
  const { file } = beating;
  beatings.set(file, beating);
  try {
    // One that is dying just now may not have told yet.
    await begin(beating).catch(() => begin(beating));
  } catch (error) {
    beatings.delete(file);
    throw error;
  }
  return () => {
    beatings.delete(file);
    thread?.postMessage({ end: file });
  };
}

/** Resolves when the thread has heard of it. */
async function begin(beating: Beating): Promise<void> {
  thread ??= start();
  const asked = thread;
  const heard = Promise.withResolvers<void>();
  const onMessage = (file: string) => file === beating.file && heard.resolve();
  const onExit = () => heard.reject(new Error('the thread has ended'));
  asked.on('message', onMessage).on('error', heard.reject).on('exit', onExit);
  // Until then it is all that this process may be waiting for.
  asked.ref();
  asked.postMessage({ begin: beating });
  try {
    await heard.promise;
  } finally {
    asked.off('message', onMessage).off('error', heard.reject).off('exit', onExit);
    asked.unref();
  }
}

/** One thread for all locks of this process, for as long as it lives; it keeps nothing from ending. */
function start(): Worker {
  const worker = new Worker(PROGRAM, {
    eval: true,
    execArgv: [],
    name: 'heartbeat',
    workerData: { everyMs: BEAT_MS, digits: UPTIME_DIGITS },
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8 },
  });
  worker.unref();
  const onDeath = () => {
    if (thread !== worker) return;
    thread = undefined;
    setTimeout(startAgain, AGAIN_AFTER_MS).unref();
  };
  // Both may come, or one of them.
  worker.on('error', onDeath).on('exit', onDeath);
  return worker;
}

/** For what the dead one had to beat. Where that fails, it has been noticed as another death. */
function startAgain(): void {
  if (thread || beatings.size === 0) return;
  try {
    thread = start();
  } catch {
    setTimeout(startAgain, AGAIN_AFTER_MS).unref();
    return;
  }
  for (const beating of beatings.values()) thread.postMessage({ begin: beating });
}
