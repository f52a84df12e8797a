import type Dockerode from 'dockerode';
import { translateDockerError } from '../client/docker-errors.ts';

/**
 * Begins to watch a container, which has to happen before its start. Resolves once the engine watches. The inner
 * promise is the exit code.
 */
export async function watchExit(container: Dockerode.Container): Promise<{ code: Promise<number> }> {
  // Not container.wait(): it only comes back with the exit, which leaves open whether the watch began before the start.
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    container.modem.dial(
      {
        path: `/containers/${container.id}/wait?`,
        method: 'POST',
        isStream: true,
        options: { _query: { condition: 'removed' }, _body: {} },
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      },
      (error: unknown, stream: NodeJS.ReadableStream) => (error ? reject(error) : resolve(stream)),
    );
  });
  const code = readExitCode(response);
  code.catch(() => {});
  return { code };
}

async function readExitCode(response: NodeJS.ReadableStream): Promise<number> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { StatusCode: number }).StatusCode;
  } catch (error) {
    throw translateDockerError(error, 'wait for the restore container');
  }
}
