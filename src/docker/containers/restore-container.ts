import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled } from '../../errors.ts';
import { attach } from '../client/attach.ts';
import { removeContainer } from '../client/container.ts';
import { converse } from '../client/conversation.ts';
import type { DockerEngine } from '../client/engine.ts';
import { createContainer, type RestoreContainerOptions, startError } from './create-container.ts';
import { removeNeverStarted } from './odo-containers.ts';
import { watchExit } from './watch-exit.ts';

/**
 * A throwaway container that is spoken with over stdin and stdout. It lives only as long as the process that opened it.
 * When that process dies, however it dies, the engine closes the container's stdin. The program in the container is
 * expected to end at that.
 */
export interface RestoreContainer {
  id: string;
  /**
   * The container's stdout, line by line, to be read once. Not reading makes the container wait. The lines end with the
   * container. `dockerUnreachable` for a lost engine.
   */
  lines: AsyncIterable<string>;
  /** Writes one line to its stdin. */
  send(text: string): Promise<void>;
  /** The last 64 KiB of its stderr. */
  stderrTail(): string;
  /** The exit code, once the container has ended and is gone. */
  exited: Promise<number>;
  /**
   * Closes the container's stdin, waits for it to end by itself, and kills it after `graceMs` (10 s). The container is
   * gone when this resolves.
   */
  end(graceMs?: number): Promise<void>;
}

const END_GRACE_MS = 10_000;

/**
 * Creates, attaches to and starts a container that removes itself. An abort of the signal, now or later, kills and
 * removes it. `versionMismatch` when the image is not there or cannot run the command. `serviceNotFound` when a mount
 * or the network is not there. `unsafeTarget` when the name is taken. Nothing is left behind when this throws.
 */
export async function openRestoreContainer(
  engine: DockerEngine,
  options: RestoreContainerOptions,
  signal: AbortSignal,
): Promise<RestoreContainer> {
  if (signal.aborted) throw cancelled(signal.reason);
  await removeNeverStarted(engine);
  const container = await createContainer(engine, options);
  let socket: Duplex | undefined;
  try {
    const exited = await watchExit(container);
    socket = await attach(engine, container.id);
    const opened = handle(engine, container.id, socket, exited, signal);
    if (!signal.aborted) await container.start();
    if (signal.aborted) throw cancelled(signal.reason);
    return opened;
  } catch (error) {
    socket?.destroy();
    // Should this fail, too, the first error is the one that tells why.
    await removeContainer(engine, container.id).catch(() => {});
    if (signal.aborted) throw cancelled(error);
    throw startError(error, options);
  }
}

function handle(
  engine: DockerEngine,
  id: string,
  socket: Duplex,
  exited: { code: Promise<number> },
  signal: AbortSignal,
): RestoreContainer {
  const talk = converse(socket);
  const onAbort = (): void => {
    talk.breakOff(cancelled(signal.reason));
    // Should this fail, the closed stdin still ends the container.
    removeContainer(engine, id).catch(() => {});
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const over = (): void => signal.removeEventListener('abort', onAbort);
  exited.code.then(over, over);

  let ended: Promise<void> | undefined;
  return {
    id,
    lines: talk.lines,
    send: talk.send,
    stderrTail: talk.stderrTail,
    exited: exited.code,
    end(graceMs = END_GRACE_MS) {
      talk.letRun();
      ended ??= endGently(engine, id, socket, exited.code, graceMs);
      return ended;
    },
  };
}

async function endGently(
  engine: DockerEngine,
  id: string,
  socket: Duplex,
  exited: Promise<number>,
  graceMs: number,
): Promise<void> {
  const timer = new AbortController();
  try {
    if (socket.writable) socket.end();
    await Promise.race([exited.catch(() => {}), sleep(graceMs, undefined, { signal: timer.signal })]);
    // Also after a normal end: the engine may have failed to remove it.
    await removeContainer(engine, id);
    // The container's last output may still be on its way.
    if (!socket.readableEnded && !socket.destroyed)
      await Promise.race([once(socket, 'close'), sleep(1000, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
    socket.destroy();
  }
}
