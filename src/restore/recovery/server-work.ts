/** The length of a clock tick of Linux, in which /proc counts. */
const TICK_MS = 10;
/** This share of one processor counts as work. A process that only waits, and looks now and then, takes less. */
const BUSY_SHARE = 0.02;

/** The processes of PostgreSQL that work without a word at the end of a recovery: replay itself, and the checkpoint. */
const WORKERS = /^postgres: (?:[^ ]+: )?(startup|checkpointer)\b/;

/** What a server's workers did, as one look has seen it. */
export interface ServerWork {
  /** How long each worker has run so far, by process id. */
  cpuMs: ReadonlyMap<number, number>;
  /** A worker waited for the disk when it was looked at. */
  waitForDisk: boolean;
}

/**
 * Reads lines of `STAT|COMMAND LINE`, one for each process.
 * Source: proc(5): pid (comm) state …; utime and stime are the 14th and 15th field.
 */
export function readServerWork(lines: string): ServerWork {
  const cpuMs = new Map<number, number>();
  let waitForDisk = false;
  for (const line of lines.split('\n')) {
    const at = line.lastIndexOf('|');
    const [, pid, state, rest = ''] = /^(\d+) \(.*\) (\w) (.*)$/s.exec(line.slice(0, at)) ?? [];
    if (pid === undefined || !WORKERS.test(line.slice(at + 1))) continue;
    const fields = rest.split(' ');
    cpuMs.set(Number(pid), (Number(fields[10]) + Number(fields[11])) * TICK_MS);
    if (state === 'D') waitForDisk = true;
  }
  return { cpuMs, waitForDisk };
}

/** Whether the server has worked between two looks; one that was stopped, or only waits, has not. */
export function hasWorked(before: ServerWork | undefined, now: ServerWork, elapsedMs: number): boolean {
  if (now.waitForDisk) return true;
  const ran = [...now.cpuMs].map(([pid, ms]) => ms - (before?.cpuMs.get(pid) ?? ms));
  return ran.some((ms) => ms >= elapsedMs * BUSY_SHARE);
}
