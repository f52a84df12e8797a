import { mustRun } from './run.ts';

/**
 * Takes a base backup of the server in a container, in tars, and copies its files into a directory of the host that is
 * not there yet, or is empty.
 */
export async function pgBasebackup(container: string, into: string, ...options: string[]): Promise<void> {
  const made = '/tmp/made';
  await mustRun('docker', [
    'exec',
    '-u',
    'postgres',
    container,
    'pg_basebackup',
    '-D',
    made,
    '-Ft',
    '-c',
    'fast',
    ...options,
  ]);
  await mustRun('docker', ['cp', `${container}:${made}/.`, into]);
}
