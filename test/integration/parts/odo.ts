import { type Outcome, run } from './run.ts';
import { S3_ENDPOINT, S3_KEYS } from './s3.ts';

export const ODO = new URL('../../../dist/odo.mjs', import.meta.url).pathname;

/** Runs the built command line on this very Node, with the test server's keys and endpoint in the environment. */
export async function odo(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Outcome> {
  const one: OdoRun = { args };
  runs.push(one);
  if (runs.length > MOST_RUNS) runs.shift();
  one.outcome = await run(process.execPath, [ODO, ...args], {
    ...options,
    env: { ...process.env, ...S3_KEYS, S3_ENDPOINT, ...options.env },
  });
  return one.outcome;
}

/** One run of a test, with what came of it once it has ended. */
interface OdoRun {
  args: readonly string[];
  outcome?: Outcome;
}

const MOST_RUNS = 20;
const runs: OdoRun[] = [];

/** The last of this file, in their order: tests may go on together. */
export function lastRuns(): readonly OdoRun[] {
  return runs;
}

/** Runs it, demands success, and gives the receipt. */
export async function odoReceipt(args: readonly string[], options: Parameters<typeof odo>[1] = {}) {
  const outcome = await odo([...args, '--json'], options);
  if (outcome.code !== 0) throw new Error(`odo ${args.join(' ')} ended with ${outcome.code}\n${outcome.stderr}`);
  return JSON.parse(outcome.stdout);
}
