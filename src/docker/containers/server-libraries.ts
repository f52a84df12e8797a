import { randomBytes } from 'node:crypto';
import { cancelled, OdoError } from '../../errors.ts';
import { execIn } from '../client/container.ts';
import type { DockerEngine } from '../client/engine.ts';
import { ROLE_LABEL } from './odo-containers.ts';
import { openRestoreContainer } from './restore-container.ts';

const TIMEOUT_MS = 20_000;

/**
 * Lists the libraries in their folders. pg_config tells the folder. The patterns are the folders of Debian's, Alpine's,
 * the official Alpine images' and Red Hat's servers.
 */
const LIST =
  'for folder in "$(pg_config --pkglibdir 2>/dev/null)" /usr/lib/postgresql/*/lib /usr/lib/postgresql*/ ' +
  '/usr/local/lib/postgresql /usr/pgsql-*/lib; do ls "$folder" "$folder/plugins" 2>/dev/null; done';

/** A library that every server has: a listing without it is not that of a server's libraries. */
const ALWAYS_THERE = 'plpgsql';

/**
 * The libraries that the server of an image can load, without `.so`. A running container of the image is asked, where
 * one answers, else a throwaway container without data or network. undefined when nothing can be found out.
 */
export async function listServerLibraries(
  engine: DockerEngine,
  image: string,
  runningId: string | undefined,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const inContainer =
    runningId === undefined ? undefined : await listed((until) => listIn(engine, runningId, until), signal);
  // A container that ends over and over, or has just been paused, does not answer; its image does.
  return inContainer ?? (await listed((until) => listInImage(engine, image, until), signal));
}

async function listed(
  list: (until: AbortSignal) => Promise<string[]>,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const names = await list(AbortSignal.any([signal, timeout]));
    const libraries = names.flatMap((name) => /^(.+)\.so$/.exec(name.trim())?.[1] ?? []);
    return libraries.includes(ALWAYS_THERE) ? [...new Set(libraries)].sort() : undefined;
  } catch (error) {
    if (signal.aborted) throw cancelled(error);
    if (timeout.aborted || error instanceof OdoError) return undefined;
    throw error;
  }
}

async function listIn(engine: DockerEngine, containerId: string, signal: AbortSignal): Promise<string[]> {
  const { stdout } = await execIn(engine, containerId, ['sh', '-c', LIST], { signal });
  return stdout.split('\n');
}

async function listInImage(engine: DockerEngine, image: string, signal: AbortSignal): Promise<string[]> {
  const name = `odo-probe-${randomBytes(6).toString('hex')}`;
  const probe = await openRestoreContainer(
    engine,
    {
      image,
      entrypoint: ['sh'],
      cmd: ['-c', LIST],
      mounts: [],
      network: 'none',
      name,
      labels: { [ROLE_LABEL]: 'probe' },
    },
    signal,
  );
  try {
    const names: string[] = [];
    for await (const line of probe.lines) names.push(line);
    return names;
  } finally {
    await probe.end();
  }
}
