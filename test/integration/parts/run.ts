import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execFilePromise = promisify(execFile);

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** What it reads on its standard input; nothing when not given. */
  input?: string;
  /** Runs it as this user; needs root. */
  uid?: number;
  gid?: number;
}

/** Runs a program to its end; any exit code is an answer. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input, ...rest } = options;
  const running = execFilePromise(file, [...args], { ...rest, maxBuffer: 64 * 1024 * 1024 });
  // A program that ends without reading is no error of ours.
  running.child.stdin?.on('error', () => undefined).end(input ?? '');
  try {
    const { stdout, stderr } = await running;
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number | string; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}

/** Runs a program that has to succeed, and gives its standard output without the last line feed. */
export async function mustRun(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout.replace(/\n$/, '');
}

/**
 * Asks again until the answer is true; after `timeoutMs` that is an error which names what was waited for.
 * @param why what to add to it then
 */
export async function until(
  what: string,
  check: () => Promise<boolean>,
  timeoutMs = 180_000,
  why?: () => Promise<string>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}${why ? `\n${await why()}` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
