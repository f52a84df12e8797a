import { Worker } from 'node:worker_threads';

/** How often a holder shows that it is alive. */
const BEAT_MS = 1000;

/** A file that is touched as long as this process lives. */
export interface Beating {
  file: string;
  /** What it begins with, so that another's of that name is left alone. */
  name: string;
  /** Where in the file the machine's running time is to stand, in ms, in as many digits; undefined: nowhere. */
  at: number | undefined;
}

/** So many digits, so that beating changes no sizes and needs no room. */
export const UPTIME_DIGITS = 15;

/**
 * A thread of its own, since the main one may be busy for minutes: removing a tree, flushing a disk. As text, so that it needs no file beside the
 * bundle; it imports nothing of ours.
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
      if (!fs.readFileSync(fd, 'utf8').startsWith(name)) return;
      const now = new Date();
      fs.futimesSync(fd, now, now);
      if (at !== undefined) fs.writeSync(fd, String(Math.round(os.uptime() * 1000)).padStart(workerData.digits, '0'), at);
    } finally {
      fs.closeSync(fd);
    }
  } catch {}
}
parentPort.on('message', ({ begin, end }) => {
  if (begin) beating.set(begin.file, begin);
  else beating.delete(end);
});
setInterval(() => beating.forEach(beat), workerData.everyMs);
`;

let thread: Worker | undefined;

/** Touches the file every second from now on, also while this thread is busy. Gives what ends it. */
export function startBeating(beating: Beating): () => void {
  thread ??= start();
  const { file } = beating;
  const beatingThread = thread;
  beatingThread.postMessage({ begin: beating });
  return () => beatingThread.postMessage({ end: file });
}

/** One thread for all locks of this process, for as long as it lives; it keeps nothing from ending. */
function start(): Worker {
  const worker = new Worker(PROGRAM, {
    eval: true,
    name: 'heartbeat',
    workerData: { everyMs: BEAT_MS, digits: UPTIME_DIGITS },
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8 },
  });
  worker.unref();
  // Another is started with the next lock; this one is silent then, and its process can be seen all the same.
  worker.on('error', () => {
    thread = undefined;
  });
  return worker;
}
