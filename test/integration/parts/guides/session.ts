import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ODO } from '../odo.ts';
import { until } from '../run.ts';
import { S3_ENDPOINT, S3_KEYS } from '../s3.ts';

/** A command that goes on beside the others, or has ended. */
export interface Going {
  /** All that it has written so far. */
  output(): string;
  /** Types into its terminal. */
  type(keys: string): void;
  signal(name: NodeJS.Signals): void;
  /** Its exit code; 128 and more for a signal. */
  ended: Promise<number>;
}

/** What a person has open while following a guide: one shell after another, with the same folder and environment. */
export interface Session {
  /** Starts commands and comes back at once; `isOnTerminal`: on one of their own. */
  start(commands: string, isOnTerminal?: boolean): Going;
  /** Runs commands that have to succeed, and gives what they have written. */
  run(commands: string): Promise<string>;
  close(): void;
}

const LIMIT_MS = 240_000;

/** As a person would have it: nothing of the store but where it is. */
const OF_THE_MACHINE = { S3_ENDPOINT };

/**
 * Opens a session whose commands run in `folder`, where `odo` is the built command line.
 * @param project compose's name for it, when its file does not say one
 */
export function openSession(folder: string, project?: string): Session {
  const own = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-guide-'));
  const state = path.join(own, 'environment');
  fs.writeFileSync(state, '');
  fs.writeFileSync(path.join(own, 'odo'), `#!/bin/sh\nexec '${process.execPath}' '${ODO}' "$@"\n`, { mode: 0o755 });
  const secrets = Object.fromEntries(Object.keys(S3_KEYS).map((name) => [name, undefined]));
  const paths = { PATH: `${own}:${process.env.PATH}`, TMPDIR: own };
  const env = { ...process.env, ...secrets, ...OF_THE_MACHINE, ...paths, COMPOSE_PROJECT_NAME: project };
  const going: Going[] = [];
  let scripts = 0;

  function start(commands: string, isOnTerminal = false): Going {
    const script = path.join(own, `commands-${++scripts}`);
    // What one block has exported, the next ones have.
    fs.writeFileSync(script, `. '${state}'\nset -euo pipefail\ntrap "export -p >'${state}'" EXIT\n${commands}\n`);
    const shell = ['bash', '--noprofile', '--norc', script];
    // On a screen without rows psql would show a single one by a pager.
    const onTerminal = `stty rows 40 cols 120; exec ${shell.join(' ')}`;
    const argv = isOnTerminal ? ['script', '-qec', onTerminal, '/dev/null'] : shell;
    const child = spawn(argv[0] as string, argv.slice(1), {
      cwd: folder,
      env,
      stdio: [isOnTerminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (piece: string) => {
        output += piece;
      });
    }
    child.stdin?.on('error', () => undefined);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal as NodeJS.Signals]));
    });
    const one: Going = {
      output: () => output,
      type: (keys) => void child.stdin?.write(keys),
      signal(name) {
        try {
          // Its whole group, as a Ctrl-C does.
          process.kill(-(child.pid as number), name);
        } catch (error) {
          // It may have ended just now.
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      },
      ended,
    };
    going.push(one);
    // What hangs would keep everything else waiting.
    const limit = setTimeout(() => one.signal('SIGKILL'), LIMIT_MS);
    ended.finally(() => clearTimeout(limit)).catch(() => undefined);
    ended.finally(() => going.splice(going.indexOf(one), 1)).catch(() => undefined);
    return one;
  }

  return {
    start,
    async run(commands) {
      const one = start(commands);
      const code = await one.ended;
      if (code !== 0) throw new Error(`ended with ${code}:\n${commands}\n\n${one.output()}`);
      return one.output();
    },
    close() {
      for (const one of going) one.signal('SIGKILL');
      fs.rmSync(own, { recursive: true, force: true });
    },
  };
}

/** Waits until a command has written something; one that ends before is an error. */
export async function writes(going: Going, what: string): Promise<void> {
  let code: number | undefined;
  going.ended.then(
    (ended) => {
      code = ended;
    },
    () => undefined,
  );
  await until(
    `it writes "${what}"`,
    async () => {
      if (going.output().includes(what)) return true;
      if (code !== undefined) throw new Error(`it ended with ${code}, and never wrote "${what}":\n${going.output()}`);
      return false;
    },
    180_000,
    async () => going.output(),
  );
}
