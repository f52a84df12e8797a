import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Renderer } from './render.ts';

/** Where a renderer writes. */
export interface Output {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Standard error is no longer the terminal of the start: no live display, no colours. */
  plain: boolean;
}

/** A renderer that survives its terminal. */
export interface LastingRenderer extends Renderer {
  /** Where everything goes once the terminal is gone; the file is made only then. */
  readonly logFile: string;
}

type Stream = typeof process.stdout | typeof process.stderr;

/**
 * Wraps a renderer. When the terminal (SIGHUP) or the reader of a pipe is lost, the work goes on, and its output goes
 * to a file. Output that goes to a file already stays there. The listeners stay for the life of the process.
 */
export function outliveTerminal(create: (output: Output) => Renderer): LastingRenderer {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const logFile = path.join(os.tmpdir(), `odo-${stamp}-${process.pid}.log`);
  const log = appendTo(logFile);
  const lost = new Set<Stream>();
  let current = create({ stdout: writeTo(process.stdout), stderr: writeTo(process.stderr), plain: false });

  function lose(streams: readonly Stream[], what: string): void {
    const more = streams.filter((stream) => !lost.has(stream));
    if (more.length === 0) return;
    for (const stream of more) lost.add(stream);
    if (more.includes(process.stderr)) {
      current.close();
      current = create({ stdout: writeTo(process.stdout), stderr: writeTo(process.stderr), plain: true });
    }
    current.event({
      type: 'note',
      level: 'warning',
      message: `${what} is gone; the work goes on, and logs to ${logFile}`,
    });
  }

  function writeTo(stream: Stream): (text: string) => void {
    return (text) => {
      if (lost.has(stream)) return log(text);
      stream.write(text, (error) => {
        if (!error) return;
        lose([stream], stream === process.stdout ? 'standard output' : 'standard error');
        log(text);
      });
    };
  }

  process.on('SIGHUP', () =>
    lose(
      [process.stdout, process.stderr].filter(({ isTTY }) => isTTY),
      'the terminal',
    ),
  );
  // The writer is told in a callback. Without a listener, the error would end the process.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return {
    logFile,
    event: (event) => current.event(event),
    result: (result) => current.result(result),
    error: (error) => current.error(error),
    close: () => current.close(),
  };
}

/**
 * Appends to a file. Others may write to the folder of temporary files, too, so the file must be new. A file that
 * cannot be written must not end the work.
 */
function appendTo(file: string): (text: string) => void {
  let fd: number | undefined;
  return (text) => {
    try {
      fd ??= fs.openSync(file, 'ax', 0o600);
      fs.writeSync(fd, text);
    } catch {
      // There is nobody left to tell.
    }
  };
}
