import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ODO } from './odo.ts';
import { S3_ENDPOINT, S3_KEYS } from './s3.ts';

/** A run of the command line that is under way. */
export interface RunningOdo {
  signal(name: NodeJS.Signals): void;
  /** What it has written to standard error so far. */
  stderr(): string;
  /** How it ended: an exit code, or the signal that killed it. */
  outcome: Promise<{ code: number | null; killedBy: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/** Starts the built command line as odo() does, and comes back at once. */
export function startOdo(args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): RunningOdo {
  const child = spawn(process.execPath, [ODO, ...args], {
    ...options,
    env: { ...process.env, ...S3_KEYS, S3_ENDPOINT, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    told += piece;
  });
  // The end of the process is known when all of its output has come.
  const outcome = Promise.all([ended, text(child.stdout)]).then(([[code, killedBy], stdout]) => ({
    code,
    killedBy,
    stdout,
    stderr: told,
  }));
  return { signal: (name) => void child.kill(name), stderr: () => told, outcome };
}
