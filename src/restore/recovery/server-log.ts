/** What our own questions leave in the server's log: it says nothing of progress. */
const OWN_TRACES =
  /\b(FATAL|DETAIL|HINT|CONTEXT|STATEMENT):|LOG: +(connection|disconnection|statement|duration|execute)\b/;

/** What a server writes of those whom it turns away: it is no end of its own. */
const TURNED_DOWN = new RegExp(
  'FATAL: +(the database system is |terminating |sorry, |remaining connection slots|password authentication|' +
    'no pg_hba\\.conf entry|pg_hba\\.conf rejects|role "|Peer authentication|database ")|' +
    'DETAIL: +(Consistent recovery state|Hot standby mode)',
);

/** What a server writes about each segment that the restore_command has brought. */
const TAKEN_SEGMENT = /restored log file "([0-9A-F]{24})" from archive/;

/** The last lines of a server that ends because its recovery cannot go on. */
const DEATH = /startup process \(PID \d+\) (exited with|was terminated)|aborting startup|\bPANIC:/;

/**
 * What a server writes when it is told to stop. How it ends is another matter: a login that was cut off in the middle
 * makes it end as after a crash.
 */
const TOLD_TO_STOP = /\bLOG[:,].*received (smart|fast|immediate) shutdown request/;

const PAUSE_OR_START = new RegExp(
  '\\bLOG[:,].*(pausing at the end of recovery|recovery has paused|' +
    'starting (PostgreSQL|archive recovery|point-in-time recovery))',
);

/** The segment that was brought last. */
export function takenSegmentOf(log: string): string | undefined {
  return TAKEN_SEGMENT.exec(log.split('\n').findLast((line) => TAKEN_SEGMENT.test(line)) ?? '')?.[1];
}

/** The last line of the log that is not about our own questions. */
export function lastWordsOf(log: string): string {
  return log.split('\n').findLast((line) => line.trim() !== '' && !OWN_TRACES.test(line)) ?? '';
}

/** Whether the server has ended by itself, rather than been stopped or killed. */
export function diedByItself(log: string): boolean {
  return DEATH.test(log) || linesOf(log).some((line) => /\bFATAL:/.test(line));
}

/** Whether it says that it was told to stop, and nothing of an end of its own. */
export function toldToStop(log: string): boolean {
  return TOLD_TO_STOP.test(log) && !diedByItself(log);
}

/** Where a server has paused since its last start, as it says: at its recovery target, or before it. */
export function pauseIn(log: string): 'at the end' | 'on the way' | undefined {
  const last = log.split('\n').findLast((line) => PAUSE_OR_START.test(line)) ?? '';
  if (last.includes('pausing at the end of recovery')) return 'at the end';
  return last.includes('recovery has paused') ? 'on the way' : undefined;
}

/**
 * The lines that tell why a server has ended: what stands before the fatal one names the file or setting, what follows
 * it the remedy.
 */
export function reasonIn(log: string): string {
  const told = linesOf(log);
  const fatal = told.findLastIndex((line) => /\b(FATAL|PANIC):/.test(line));
  return (fatal < 0 ? told.slice(-6) : told.slice(Math.max(0, fatal - 3), fatal + 3)).join('\n  ');
}

function linesOf(log: string): string[] {
  return log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !TURNED_DOWN.test(line));
}
