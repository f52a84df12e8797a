/** Lines that ODO's own questions leave in the server's log. They say nothing of progress. */
const OWN_TRACES =
  /\b(FATAL|DETAIL|HINT|CONTEXT|STATEMENT):|LOG: +(connection|disconnection|statement|duration|execute)\b/;

/** Lines on logins that a server turns away. They are no end of the server. */
const TURNED_DOWN = new RegExp(
  'FATAL: +(the database system is |terminating |sorry, |remaining connection slots|password authentication|' +
    'no pg_hba\\.conf entry|pg_hba\\.conf rejects|role "|Peer authentication|database ")|' +
    'DETAIL: +(Consistent recovery state|Hot standby mode)',
);

/** The line on each segment that the restore_command has brought. */
const TAKEN_SEGMENT = /restored log file "([0-9A-F]{24})" from archive/;

/** The last lines of a server that ends because its recovery cannot go on. */
const DEATH = /startup process \(PID \d+\) (exited with|was terminated)|aborting startup|\bPANIC:/;

/**
 * The line of a server that is told to stop. Its exit status is another matter: a login that was cut off in the middle
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

/** Whether the log says that the server was told to stop, and not that it ended by itself. */
export function toldToStop(log: string): boolean {
  return TOLD_TO_STOP.test(log) && !diedByItself(log);
}

/** Where a server says that it has paused since its last start: at its recovery target, or before it. */
export function pauseIn(log: string): 'at the end' | 'on the way' | undefined {
  const last = log.split('\n').findLast((line) => PAUSE_OR_START.test(line)) ?? '';
  if (last.includes('pausing at the end of recovery')) return 'at the end';
  return last.includes('recovery has paused') ? 'on the way' : undefined;
}

/**
 * The lines that tell why a server has ended. Lines before the fatal one name the file or setting. Lines after it tell
 * the remedy.
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
