import type { Duplex } from 'node:stream';
import type { DockerEngine } from './engine.ts';

/** An empty line, which readers of lines pass over. */
const NO_WORDS = Buffer.from('\n');

/**
 * Attaches to a container's standard input, output and error. Podman hands the request's body to the container's
 * standard input, and dockerode's own attach() puts its options there. Rejects with the engine's error and its
 * `statusCode`.
 */
export function attach({ docker }: DockerEngine, containerId: string): Promise<Duplex> {
  const request = {
    path: `/containers/${containerId}/attach?`,
    method: 'POST',
    options: { stream: true, stdin: true, stdout: true, stderr: true },
    file: NO_WORDS,
    isStream: true,
    hijack: true,
    openStdin: true,
    statusCodes: { 101: true, 200: true, 404: 'no such container', 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: unknown, stream: unknown) =>
      error ? reject(error) : resolve(stream as Duplex),
    );
  });
}
