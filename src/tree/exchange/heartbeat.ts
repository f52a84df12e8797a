import { Worker } from 'node:worker_threads';

/** How often a holder shows that it is alive. */
const BEAT_MS = 1000;

/** A file that is touched as long as this process lives. */
export interface Beating {
  file: string;
  /**
   * The text at the beginning of the file: without it, the file is another's and is left alone. '' for an empty file.
   */
  name: string;
  /** Where in the file the machine's running time in ms is written, with UPTIME_DIGITS digits. undefined: nowhere. */
  at: number | undefined;
}

/** A fixed number of digits, so that beating changes no sizes and needs no room. */
export const UPTIME_DIGITS = 15;

/** After a thread has died, the next one is tried for at these intervals, as long as there is something to beat. */
const AGAIN_AFTER_MS = 500;

/**
 * The program of a thread of its own, since the main one may be busy for minutes: removing a tree, flushing a disk. As
 * text, it needs no file beside the bundle. It imports nothing of ours. It answers each `begin`.
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

/** The files to beat for this process, by name. A thread that replaces a dead one begins with all of them. */
const beatings = new Map<string, Beating>();

let thread: Worker | undefined;

/**
 * Touches the file every second from now on, also while this thread is busy. When the thread that beats dies, another
 * takes over. Resolves, once a thread beats, to a function that ends it. Rejects with the system's error when it has no
 * thread to give.
 */
export async function startBeating(beating: Beating): Promise<() => void> {
  const { file } = beating;
  beatings.set(file, beating);
  try {
    // A thread that is just dying may not have told yet.
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

/** Resolves when the thread has answered. */
async function begin(beating: Beating): Promise<void> {
  thread ??= start();
  const asked = thread;
  const heard = Promise.withResolvers<void>();
  const onMessage = (file: string) => file === beating.file && heard.resolve();
  const onExit = () => heard.reject(new Error('the thread has ended'));
  asked.on('message', onMessage).on('error', heard.reject).on('exit', onExit);
  // Until the answer, this thread may be all that keeps the process alive.
  asked.ref();
  asked.postMessage({ begin: beating });
  try {
    await heard.promise;
  } finally {
    asked.off('message', onMessage).off('error', heard.reject).off('exit', onExit);
    asked.unref();
  }
}

/** Starts the one thread for all locks of this process. It does not keep the process from ending. */
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

/** Starts a thread for the files of the dead one. If that fails later, it counts as another death. */
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
