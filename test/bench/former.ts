import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freeze, type Product } from '../torture/product.ts';
import type { Bench } from './bench.ts';
import type { Contestant, Outcome, Stage } from './scenario.ts';
import { median } from './statistics.ts';
import { isOdo, medianSeconds } from './targets.ts';

const FORMER = ', former';

/** Copies a bundle and makes its image, so that both stay as they are while the rounds go on. */
export async function openFormer(bundle: string): Promise<Product> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'odo-former-'));
  const product = await freeze(bundle, folder);
  return {
    ...product,
    async remove() {
      await product.remove();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The same scenario with ODO alone, each of its contestants once as it is and once with the former bundle. */
export function besideFormer(stage: Stage, bench: Bench, former: Product): Stage {
  const twins = ({ run, ...contestant }: Contestant): Contestant[] => [
    { ...contestant, run },
    {
      ...contestant,
      name: `${contestant.name}${FORMER}`,
      async run() {
        const ours = bench.odo;
        bench.odo = former;
        try {
          return await run();
        } finally {
          bench.odo = ours;
        }
      },
    },
  ];
  return { ...stage, contestants: stage.contestants.filter(isOdo).flatMap(twins) };
}

/** A row for each contestant: medians of both, and the median of what each round's two runs are to each other. */
export function comparisonText(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(({ letter, results }) =>
    results.flatMap((former) => {
      const ours = results.find(({ name }) => `${name}${FORMER}` === former.name);
      if (ours === undefined) return [];
      const ratios = ours.runs.map(({ seconds }, round) => seconds / (former.runs[round]?.seconds ?? Number.NaN));
      const all = ratios.map((ratio) => ratio.toFixed(3)).join(' · ');
      const [now, before] = [ours, former].map((result) => medianSeconds(result).toFixed(2));
      return [`| ${letter} | ${ours.name} | ${before} | ${now} | ${median(ratios).toFixed(3)} | ${all} |`];
    }),
  );
  const head = '| | | former, s | now, s | now to former | round by round |';
  return [head, '|---|---|--:|--:|--:|---|', ...rows, ''].join('\n');
}
