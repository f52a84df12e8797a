import fs from 'node:fs';
import type { Postmaster } from './server-on.ts';

/** The facts of a data directory, perhaps seen from within a container. */
interface Seen {
  inode?: string;
  postmaster?: Postmaster;
}

/** How far the start of a process and its note in postmaster.pid may lie apart. */
const SAME_START_SECONDS = 3;

/** /proc counts in clock ticks. The kernel's USER_HZ is the same on all of Linux. */
const TICKS_PER_SECOND = 100;

/**
 * Looks among all processes of this machine for a server on a data directory, whoever started it. Gives words for it,
 * or undefined. A server's working directory is its data directory. Root may look at any process. Where a process may
 * not be looked at, it counts if postmaster.pid names it, and its start is the time that stands there.
 * @param ownPids processes below which the servers are the caller's own
 */
export function hostServerOn(seen: Seen, ownPids: readonly number[], proc = '/proc'): string | undefined {
  if (process.platform !== 'linux') return undefined;
  for (const name of namesIn(proc)) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !/^(postgres|postmaster)/.test(read(`${proc}/${pid}/comm`))) continue;
    const inode = workingDirectory(`${proc}/${pid}/cwd`);
    const works = inode === undefined ? isPostmaster(pid, seen.postmaster, proc) : inode === seen.inode;
    if (works && !isBelow(pid, ownPids, proc)) return `process ${pid} of this machine`;
  }
  return undefined;
}

function isPostmaster(pid: number, postmaster: Postmaster | undefined, proc: string): boolean {
  if (postmaster?.pid !== pid || postmaster.startedAt === undefined) return false;
  const boot = Number(/^btime (\d+)$/m.exec(read(`${proc}/stat`))?.[1]);
  const startedAt = boot + Number(fieldsOf(pid, proc)[19]) / TICKS_PER_SECOND;
  return Math.abs(startedAt - postmaster.startedAt) <= SAME_START_SECONDS;
}

function isBelow(pid: number, ancestors: readonly number[], proc: string): boolean {
  for (let at = pid; at > 1; at = Number(fieldsOf(at, proc)[1] ?? 0)) if (ancestors.includes(at)) return true;
  return false;
}

/** Fields of /proc/PID/stat behind the name, which may hold anything: state, parent, … */
function fieldsOf(pid: number, proc: string): string[] {
  const text = read(`${proc}/${pid}/stat`);
  return text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
}

function workingDirectory(link: string): string | undefined {
  try {
    const { dev, ino } = fs.statSync(link, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** Reads a file of a process. '' when the process has ended meanwhile. */
function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
