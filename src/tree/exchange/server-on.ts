import fs from 'node:fs';
import path from 'node:path';

/**
 * Says why a PostgreSQL server may be running on a data directory; undefined when none can be. A server keeps its
 * process id in the first line of postmaster.pid, and removes the file when it stops. After a crash the file stays.
 * Inside a container, the id may belong to another container's process space, so the file alone counts. On a host, a
 * container's server on a bind-mounted directory is found by its working directory.
 */
export function serverOn(dataDirectory: string): string | undefined {
  const file = path.join(dataDirectory, 'postmaster.pid');
  let firstLine: string | undefined;
  try {
    firstLine = fs.readFileSync(file, 'utf8').split('\n')[0];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const pid = Number(firstLine);
  if (!Number.isInteger(pid) || pid <= 0) return `${file} holds no process id`;
  if (inContainer()) return `${file} names process ${pid}, which may run in another container`;
  if (pid === 1) return `${file} names process 1, so that a container's server wrote it`;
  if (isServer(pid)) return `process ${pid} of ${file} is running`;
  const working = serverWorkingIn(dataDirectory);
  return working === undefined ? undefined : `process ${working} works in it`;
}

/** The server process whose working directory this is. Only root can look into processes of other users. */
function serverWorkingIn(directory: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const { dev, ino } = fs.statSync(directory);
  return fs.readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const at = fs.statSync(`/proc/${pid}/cwd`);
      return (
        at.dev === dev && at.ino === ino && /postgres|postmaster/.test(fs.readFileSync(`/proc/${pid}/comm`, 'utf8'))
      );
    } catch {
      return false;
    }
  });
}

function isServer(pid: number): boolean {
  try {
    return /postgres|postmaster/.test(fs.readFileSync(`/proc/${pid}/comm`, 'utf8'));
  } catch {
    // There is no /proc here, or it hides other users' processes. A signal 0 still tells whether one is there.
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether this runs in a container, where process ids of a server may be another container's. */
export function inContainer(): boolean {
  return process.env.ODO_IN_CONTAINER === '1' || fs.existsSync('/.dockerenv') || fs.existsSync('/run/.containerenv');
}

/** The first and third line of postmaster.pid. */
export interface Postmaster {
  pid: number;
  /** In seconds since 1970. */
  startedAt?: number;
}

/** undefined when there is no postmaster.pid, or none that can be understood. */
export function readPostmaster(dataDirectory: string): Postmaster | undefined {
  try {
    const [first, , third] = fs.readFileSync(path.join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n');
    const [pid, startedAt] = [Number(first), Number(third)];
    if (!Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, ...(Number.isInteger(startedAt) && startedAt > 0 ? { startedAt } : {}) };
  } catch {
    return undefined;
  }
}
