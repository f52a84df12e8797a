import { type Duplex, PassThrough } from 'node:stream';
import { OdoError } from '../../errors.ts';
import { demultiplexer } from './demultiplex.ts';
import { translateDockerError } from './docker-errors.ts';
import { splitLines, Tail } from './lines.ts';

/** Lines to and from a container without a TTY, over the connection that attaching to it gave. */
export interface Conversation {
  /** Lines from the container, to be read once. `dockerUnreachable` for an error of the connection, or its loss. */
  lines: AsyncIterable<string>;
  send(text: string): Promise<void>;
  stderrTail(): string;
  /** Drops the output that nobody has begun to read, so that the container need not wait for a reader. */
  letRun(): void;
  /** Closes the connection; its readers get the error. */
  breakOff(error: OdoError): void;
}

const STDERR_TAIL_BYTES = 64 * 1024;
const STDOUT_BUFFER_BYTES = 256 * 1024;

const LOST =
  'the engine was restarted or cannot be reached any more, or somebody has removed the container; see `docker info`, ' +
  'then `odo status`';

/** Begins to take from the connection at once, and pauses it when the reader of `lines` does not keep up. */
export function converse(socket: Duplex): Conversation {
  const stdout = new PassThrough({ readableHighWaterMark: STDOUT_BUFFER_BYTES });
  const stderr = new Tail(STDERR_TAIL_BYTES);
  const take = demultiplexer();
  // The reader sees the error, if there is a reader.
  stdout.on('error', () => {});
  stdout.on('close', () => socket.resume());
  socket.on('data', (chunk: Buffer) => {
    try {
      let full = false;
      for (const { stream, bytes } of take(chunk)) {
        if (stream === 'stderr') stderr.push(bytes);
        else if (!stdout.destroyed) full = !stdout.write(bytes);
      }
      if (full && !stdout.destroyed) {
        socket.pause();
        stdout.once('drain', () => socket.resume());
      }
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  socket.on('end', () => stdout.end());
  socket.on('error', (error) => stdout.destroy(translateDockerError(error, 'follow the restore container')));
  socket.on('close', () => {
    if (!stdout.writableEnded)
      stdout.destroy(
        new OdoError('dockerUnreachable', 'the connection to the restore container was lost', { hint: LOST }),
      );
  });

  let reading = false;
  return {
    lines: {
      [Symbol.asyncIterator]() {
        reading = true;
        return splitLines(stdout);
      },
    },
    send: (text) => sendLine(socket, text),
    stderrTail: () => stderr.text(),
    letRun() {
      if (!reading) stdout.resume();
    },
    breakOff(error) {
      stdout.destroy(error);
      socket.destroy();
    },
  };
}

async function sendLine(socket: Duplex, text: string): Promise<void> {
  if (text.includes('\n')) throw new OdoError('bug', 'one line at a time can be sent to the restore container');
  try {
    await new Promise<void>((resolve, reject) =>
      socket.write(`${text}\n`, (error) => (error ? reject(error) : resolve())),
    );
  } catch (error) {
    throw new OdoError('dockerUnreachable', 'the restore container takes no more input', { hint: LOST, cause: error });
  }
}
