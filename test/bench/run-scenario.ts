import { mustRun } from '../integration/parts/run.ts';
import type { Product } from '../torture/product.ts';
import type { Bench } from './bench.ts';
import { besideFormer } from './former.ts';
import type { Outcome, Result, Scenario } from './scenario.ts';
import { rotate } from './statistics.ts';

/**
 * Runs all contestants round by round, each time beginning with another one. One that fails fails the benchmark.
 * @param former ODO alone runs, in turns with this bundle
 */
export async function runScenario(
  scenario: Scenario,
  bench: Bench,
  rounds: number,
  former?: Product,
): Promise<Outcome> {
  const { letter, title } = scenario;
  bench.say(`${letter}. ${title}`);
  const prepared = await scenario.prepare(bench);
  const stage = former ? besideFormer(prepared, bench, former) : prepared;
  try {
    const results = new Map<string, Result>(
      stage.contestants.map(({ name, settings }) => [name, { name, settings, runs: [] }]),
    );
    for (let round = 0; round < (scenario.rounds ?? rounds); round++) {
      for (const contestant of rotate(stage.contestants, round)) {
        await contestant.before?.();
        // What the one before has left in memory must not be written in the time of the next.
        await mustRun('sync', []);
        const usage = await contestant.run();
        await contestant.verify();
        results.get(contestant.name)?.runs.push(usage);
        bench.say(`  round ${round + 1}: ${contestant.name}: ${usage.seconds.toFixed(2)} s`);
      }
    }
    const { about, restoredBytes } = stage;
    return {
      letter,
      title,
      about,
      ...(restoredBytes === undefined ? {} : { restoredBytes }),
      results: [...results.values()],
    };
  } finally {
    await stage.close();
  }
}
