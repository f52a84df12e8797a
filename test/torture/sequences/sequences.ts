import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mustRun } from '../../integration/parts/run.ts';
import { freeze } from '../product.ts';
import type { Setting } from '../report.ts';
import { planSequence } from './plan.ts';
import { playSequence, type SequenceVerdict } from './play.ts';
import { sequencesReport } from './sequences-report.ts';
import { shrink } from './shrink.ts';
import { makeStage, type Stage } from './stage.ts';

export interface SequencesOptions {
  sequences: number;
  seed: number;
  /** How many go on side by side. */
  jobs: number;
  /** Only the sequence of this number; of its steps, only those of these indices. */
  run?: number;
  steps?: ReadonlySet<number>;
  /** The bundle; dist/odo.mjs when not given. */
  bundle?: string;
  /** How often a sequence with a defect is tried with fewer steps. */
  shrinkTries: number;
  signal?: AbortSignal;
  onVerdict(verdict: SequenceVerdict): void;
}

/** Makes everything, plays the sequences, takes everything away. */
export async function sequences(options: SequencesOptions): Promise<{ verdicts: SequenceVerdict[]; report: string }> {
  const { seed, run } = options;
  const queue = run === undefined ? Array.from({ length: options.sequences }, (_, index) => index + 1) : [run];
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-sequences-'));
  const product = await freeze(options.bundle, folder);
  const stages: Stage[] = [];
  const verdicts: SequenceVerdict[] = [];
  const startedAt = performance.now();
  try {
    const workers = Array.from({ length: Math.min(options.jobs, queue.length) }, async (_, index) => {
      const stage = await makeStage(index + 1, folder);
      stages.push(stage);
      for (let next = queue.shift(); next !== undefined && !options.signal?.aborted; next = queue.shift()) {
        const planned = planSequence(seed, next);
        const found = await playSequence(stage, product, seed, planned, options.steps);
        const play = (sequence: typeof planned, only: ReadonlySet<number>) =>
          playSequence(stage, product, seed, sequence, only);
        const { verdict, only } =
          found.defect && !options.steps
            ? await shrink(found, play, options.shrinkTries)
            : { verdict: found, only: undefined };
        const told = verdict.defect && only ? withSteps(verdict, only, seed) : verdict;
        verdicts.push(told);
        options.onVerdict(told);
      }
    });
    await Promise.all(workers);
  } finally {
    queue.length = 0;
    await Promise.all(stages.map((stage) => stage.remove()));
    await product.remove();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const setting: Setting = {
    seed,
    product: product.version,
    engine: await mustRun('docker', ['version', '-f', '{{.Server.Version}}']),
    postgres: 'PostgreSQL 15',
    minutes: (performance.now() - startedAt) / 60_000,
  };
  return { verdicts, report: sequencesReport(verdicts, setting) };
}

/** How to find it again. */
function withSteps(verdict: SequenceVerdict, only: ReadonlySet<number>, seed: number): SequenceVerdict {
  const { planned, defect } = verdict;
  if (!defect) return verdict;
  const command =
    `npm run torture -- --sequences --seed ${seed} --run ${planned.number} ` + `--steps ${[...only].join(',')}`;
  return { ...verdict, defect: { ...defect, evidence: `${command}\n${defect.evidence}` } };
}
