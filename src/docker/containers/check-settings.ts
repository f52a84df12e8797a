import { randomBytes } from 'node:crypto';
import { cancelled, OdoError } from '../../errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { ROLE_LABEL } from './odo-containers.ts';
import { openRestoreContainer } from './restore-container.ts';

const TIMEOUT_MS = 60_000;

/**
 * Asks the server program of an image whether it takes these settings, in a throwaway container without data or
 * network. Gives its objection; undefined when it has none, or when nothing can be found out this way. Names with a dot
 * are taken unseen, as by the server itself.
 */
export async function checkSettings(
  engine: DockerEngine,
  image: string,
  settings: readonly (readonly [name: string, value: string])[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  // -C prints one value and ends, after all settings were taken; as the first argument it also lets root ask.
  const wanted = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const cmd = ['-C', 'port', ...wanted, '-c', 'config_file=/dev/null', '-D', '/tmp'];
  const name = `odo-probe-${randomBytes(6).toString('hex')}`;
  const options = {
    image,
    entrypoint: ['postgres'],
    cmd,
    mounts: [],
    network: 'none',
    name,
    labels: { [ROLE_LABEL]: 'probe' },
  };
  try {
    const probe = await openRestoreContainer(engine, options, AbortSignal.any([signal, timeout]));
    try {
      for await (const _line of probe.lines);
      if ((await probe.exited) === 0) return undefined;
    } finally {
      await probe.end();
    }
    return /FATAL: +(.*)/.exec(probe.stderrTail())?.[1];
  } catch (error) {
    if (signal.aborted) throw cancelled(error);
    // An image whose server is started in another way tells nothing here; recovery will.
    if (timeout.aborted || (error instanceof OdoError && error.code === 'versionMismatch')) return undefined;
    throw error;
  }
}
