import { execIn } from './in-container.ts';

/**
 * Whether the server in a container takes connections; waits a few seconds for it. Over TCP the one that makes the
 * cluster does not, and over its socket another one on the host's network does not. It is asked from within: a call of
 * the engine for each question would slow down what it waits for.
 */
export async function answersSoon(container: string, socketDir = '/var/run/postgresql'): Promise<boolean> {
  const isReady = `pg_isready -q -h 127.0.0.1 && pg_isready -q -h ${socketDir}`;
  const ask = `for n in $(seq 50); do ${isReady} && exit; sleep 0.1; done; exit 1`;
  return (await execIn(container, ['sh', '-c', ask])).code === 0;
}
