import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFailingDisk } from '../integration/parts/failing-disk.ts';
import { mustRun } from '../integration/parts/run.ts';
import type { Fault } from './fault.ts';
import { HOST_FAULTS } from './host-faults.ts';
import { type PrivateEngine, startPrivateEngine } from './private-engine.ts';
import { freeze } from './product.ts';
import { reportText, type Setting } from './report.ts';
import { copyRepository, openPristine, type Repository, removeRepository } from './repository.ts';
import { makeRig, POSTGRES, type Rig } from './rig.ts';
import { type Bench, runOne, type Verdict } from './run-one.ts';
import { schedule } from './schedule.ts';
import { STORE_FAULTS } from './store-faults.ts';

export const FAULTS: readonly Fault[] = [...STORE_FAULTS, ...HOST_FAULTS];

export interface TortureOptions {
  runs: number;
  seed: number;
  /** How many runs go on side by side. */
  jobs: number;
  /** Only faults whose name holds this. */
  only?: string;
  /** Only the run of this number. */
  run?: number;
  /** The bundle; dist/odo.mjs when not given. */
  bundle?: string;
  /**
   * All of it on a dockerd that is started for it, and restarted in the middle of runs; needs root. One run at a time,
   * on disk.
   */
  withEngineRestart?: boolean;
  signal?: AbortSignal;
  onVerdict(verdict: Verdict): void;
}

/** Makes everything, does the runs, takes everything away. */
export async function torture(options: TortureOptions): Promise<{ verdicts: Verdict[]; report: string }> {
  const ownEngine = options.withEngineRestart === true;
  const faults = FAULTS.filter(({ name }) => options.only === undefined || name.includes(options.only)).filter(
    ({ restartsEngine, fillsDisk, failsDisk }) => (ownEngine ? !fillsDisk && !failsDisk : !restartsEngine),
  );
  if (faults.length === 0)
    throw new Error(`no fault is called ${options.only}: ${FAULTS.map(({ name }) => name).join(', ')}`);
  const planned = schedule(options.seed, faults, Math.max(options.runs, options.run ?? 0));
  const queue = options.run === undefined ? planned : planned.filter(({ number }) => number === options.run);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-torture-'));
  const product = await freeze(options.bundle, folder);
  const rigs: Rig[] = [];
  const copies: Repository[] = [];
  const verdicts: Verdict[] = [];
  const startedAt = performance.now();
  const usualHost = process.env.DOCKER_HOST;
  let privateEngine: PrivateEngine | undefined;
  try {
    const pristine = await openPristine();
    if (ownEngine) {
      privateEngine = await startPrivateEngine([product.image, POSTGRES]);
      process.env.DOCKER_HOST = privateEngine.host;
    }
    const clean: Bench['clean'] = new Map();
    const workers = Array.from({ length: ownEngine ? 1 : Math.min(options.jobs, queue.length) }, async (_, index) => {
      const repository = await copyRepository(pristine, index);
      copies.push(repository);
      const rig = await makeRig(index + 1, folder, { onDisk: ownEngine });
      rigs.push(rig);
      let failing: Promise<Rig> | undefined;
      const onFailingDisk = () => {
        failing ??= makeFailingDisk('ext4').then(async (disk) => {
          const made = await makeRig(`${index + 1}-failing`, folder, { onDisk: true, disk });
          rigs.push(made);
          return made;
        });
        return failing;
      };
      const bench: Bench = { product, rig, onFailingDisk, repository, privateEngine, clean, isFresh: true };
      for (let next = queue.shift(); next && !options.signal?.aborted; next = queue.shift()) {
        const verdict = await runOne(bench, next, options.seed);
        verdicts.push(verdict);
        options.onVerdict(verdict);
      }
    });
    await Promise.all(workers);
  } finally {
    queue.length = 0;
    await Promise.all([...rigs.map((rig) => rig.remove()), ...copies.map(removeRepository)]);
    if (usualHost === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = usualHost;
    await privateEngine?.remove();
    await product.remove();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const setting: Setting = {
    seed: options.seed,
    product: product.version,
    engine: await mustRun('docker', ['version', '-f', '{{.Server.Version}}']),
    postgres: 'PostgreSQL 15',
    minutes: (performance.now() - startedAt) / 60_000,
  };
  return { verdicts, report: reportText(verdicts, faults, setting) };
}
