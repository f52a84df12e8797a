/**
 * npm run bench -- [--quick] [--only A,F] [--rounds 3] [--against FILE] [--prepare] [--profile]
 *
 * Restores with ODO and with everything else that can, in turns, on the parts that scripts/bench brings up. A full run
 * writes docs/explanation/benchmarks.md; with --quick, --only, --profile or fewer rounds the page goes to standard
 * output. --prepare makes the data and measures nothing; --profile has ODO write CPU profiles to .cache/bench/profiles;
 * --against measures ODO alone, in turns with an older bundle, and writes a table to standard output.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openBench, ROOT, removeLeftovers } from './bench.ts';
import { describeSetting } from './describe-setting.ts';
import { comparisonText, openFormer } from './former.ts';
import { reportText } from './report.ts';
import { runScenario } from './run-scenario.ts';
import type { Outcome } from './scenario.ts';
import { BARMAN_REPOSITORY } from './scenarios/barman-repository.ts';
import { BIG_CLUSTER } from './scenarios/big-cluster.ts';
import { INCIDENT } from './scenarios/incident.ts';
import { MEMORY } from './scenarios/memory.ts';
import { PGBACKREST_REPOSITORY } from './scenarios/pgbackrest-repository.ts';
import { REPLAY } from './scenarios/replay.ts';
import { SLOW_LINE } from './scenarios/slow-line.ts';
import { SMALL_TABLES } from './scenarios/small-tables.ts';
import { SPLIT_TABLESPACES } from './scenarios/split-tablespaces.ts';
import { FULL, QUICK } from './sizes.ts';

const SCENARIOS = [
  BIG_CLUSTER,
  BARMAN_REPOSITORY,
  PGBACKREST_REPOSITORY,
  SMALL_TABLES,
  SPLIT_TABLESPACES,
  REPLAY,
  INCIDENT,
  SLOW_LINE,
  MEMORY,
];
const FULL_ROUNDS = 3;
const say = (text: string) => void process.stderr.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: String(FULL_ROUNDS) },
    against: { type: 'string' },
    prepare: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds} is no number of rounds`);
const letters = values.only?.toUpperCase().split(',') ?? SCENARIOS.map(({ letter }) => letter);
const chosen = SCENARIOS.filter(({ letter }) => letters.includes(letter));
if (chosen.length !== letters.length)
  throw new Error(`--only ${values.only}: there are ${SCENARIOS.map(({ letter }) => letter)}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void removeLeftovers().finally(() => process.exit(130)));
}
const isWhole =
  values.against === undefined &&
  !values.quick &&
  !values.profile &&
  values.only === undefined &&
  rounds >= FULL_ROUNDS;
const startedAt = performance.now();
const bench = await openBench(values.quick ? QUICK : FULL, values.profile, say);
const former = values.against === undefined ? undefined : await openFormer(values.against);

async function pageOf(outcomes: readonly Outcome[]): Promise<string> {
  const flags = process.argv.slice(2).join(' ');
  const setting = {
    ...(await describeSetting(bench)),
    rounds,
    minutes: (performance.now() - startedAt) / 60_000,
    command: `npm run bench${flags === '' ? '' : ` -- ${flags}`}`,
  };
  return reportText([...outcomes], setting, fs.readFileSync(new URL('notes.md', import.meta.url), 'utf8'));
}

try {
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    if (values.prepare) {
      await (await scenario.prepare(bench)).close();
      continue;
    }
    outcomes.push(await runScenario(scenario, bench, rounds, former));
    // After each, so that a run that is broken off leaves what it has measured.
    if (isWhole) fs.writeFileSync(path.join(ROOT, 'docs/explanation/benchmarks.md'), await pageOf(outcomes));
  }
  if (former && !values.prepare) process.stdout.write(comparisonText(outcomes));
  else if (!isWhole && !values.prepare) process.stdout.write(await pageOf(outcomes));
} finally {
  await former?.remove();
  await bench.close();
}
