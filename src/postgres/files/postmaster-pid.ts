/** The notes of a running server in postmaster.pid. */
export interface PostmasterPid {
  /** Process id in the name space of the server's container. */
  pid: number;
  port: number;
  /** '' when it has no socket. */
  socketDirectory: string;
  /** standby: in recovery, and answering unless hot_standby is off. ready: out of recovery. */
  status?: 'starting' | 'stopping' | 'ready' | 'standby';
}

const STATUSES: ReadonlySet<string> = new Set(['starting', 'stopping', 'ready', 'standby']);

/**
 * Reads `postmaster.pid`; undefined when its first lines are not there yet.
 * Source: PostgreSQL, src/include/utils/pidfile.h
 */
export function parsePostmasterPid(text: string): PostmasterPid | undefined {
  const [pid = '', , , port = '', socketDirectory = '', , , status = ''] = text.split('\n').map((line) => line.trim());
  if (!/^\d+$/.test(pid) || !/^\d+$/.test(port)) return undefined;
  const known = STATUSES.has(status) ? { status: status as NonNullable<PostmasterPid['status']> } : {};
  return { pid: Number(pid), port: Number(port), socketDirectory, ...known };
}
