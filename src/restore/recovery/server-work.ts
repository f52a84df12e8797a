/** Clock ticks of Linux, as /proc has them. */
const TICK_MS = 10;
/** So much of one processor counts as work; a process that only waits, and looks now and then, takes less. */
const BUSY_SHARE = 0.02;

/** The processes of PostgreSQL that work without a word at the end of a recovery: replay itself, and the checkpoint. */
const WORKERS = /^postgres: (?:[^ ]+: )?(startup|checkpointer)\b/;

/** How much the workers have run so far, by process id; with those that waited for the disk when it was looked. */
export interface ServerWork {
  cpuMs: ReadonlyMap<number, number>;
  waitForDisk: boolean;
}

/**
 * Reads lines of `STAT|COMMAND LINE`, one for each process.
 * Source: proc(5): pid (comm) state …, utime and stime are the 14th and 15th field
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
