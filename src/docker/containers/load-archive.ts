import { Readable } from 'node:stream';
import { cancelled, OdoError } from '../../errors.ts';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';

/**
 * Gives the engine an archive as `docker save` writes it, and waits until its images are loaded. `noSpace` when the
 * engine has no room. `versionMismatch` when the engine does not take it. Errors of the archive itself pass through.
 * @param what for messages, such as a file's name
 */
export async function loadArchive(
  engine: DockerEngine,
  archive: AsyncIterable<Buffer>,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const source = Readable.from(archive, { objectMode: false, highWaterMark: 1 << 20 });
  const failed = (error: unknown) =>
    signal.aborted ? cancelled(error) : translateDockerError(error, `load ${what}`, { refused: 'versionMismatch' });
  try {
    const options = { quiet: true, abortSignal: signal };
    const answer = await engine.docker.loadImage(source, options);
    let text = '';
    for await (const chunk of answer) text += chunk;
    demandDone(text, what);
  } catch (error) {
    throw failed(error);
  } finally {
    source.destroy();
  }
}

/**
 * Throws for a failure of loading. The engine has answered 200 before it reads the archive, so only the lines of its
 * answer tell how that ended.
 */
function demandDone(answer: string, what: string): void {
  for (const line of answer.split('\n')) {
    const words = errorIn(line);
    if (words === undefined) continue;
    const isFull = /no space left|disk quota exceeded/i.test(words);
    throw new OdoError(isFull ? 'noSpace' : 'versionMismatch', `the engine did not load ${what}: ${words}`, {
      ...(isFull
        ? { hint: 'make room where the engine keeps its images; `docker system df` shows what takes it' }
        : {}),
    });
  }
}

function errorIn(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  try {
    const { error } = JSON.parse(line) as { error?: unknown };
    return error === undefined ? undefined : String(error);
  } catch {
    return undefined;
  }
}
