import { run } from './run.ts';

/**
 * Whether the server in a container takes connections over TCP, as the one that makes the cluster does not; waits a few seconds for it. It is asked
 * from within: a call of the engine for each question would slow down what it waits for.
 */
export async function answersSoon(container: string): Promise<boolean> {
  const ask = 'for n in $(seq 50); do pg_isready -q -h 127.0.0.1 && exit; sleep 0.1; done; exit 1';
  return (await run('docker', ['exec', container, 'sh', '-c', ask])).code === 0;
}
