import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { mustRun } from '../integration/parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from '../integration/parts/s3.ts';
import type { Bench } from './bench.ts';
import { parseTimeOutput, TIME_FORMAT, type Usage } from './time-output.ts';

/** Runs a bash script in the competitors' container under GNU time; a script that fails is an error with its output. */
export async function measureRival(bench: Bench, script: string): Promise<Usage> {
  const timeFile = path.join(bench.work, 'time');
  await mustRun('docker', [
    ...['exec', bench.rivals, '/usr/bin/time', '-f', TIME_FORMAT, '-o', timeFile],
    ...['bash', '-eu', '-o', 'pipefail', '-c', script],
  ]);
  return parseTimeOutput(fs.readFileSync(timeFile, 'utf8'));
}

/** What a run of ODO gave. */
export interface OdoRun extends Usage {
  /** The receipt's own figure, which is the restore container's where there is one. */
  laidDownPeakBytes: number;
}

/** Runs the command line that is measured on the host under GNU time, as users run it. */
export async function measureOdo(bench: Bench, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<OdoRun> {
  const at = (name: string) => path.join(bench.work, name);
  const [out, err] = [fs.openSync(at('odo.out'), 'w'), fs.openSync(at('odo.err'), 'w')];
  const node = [
    process.execPath,
    ...(bench.profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${bench.profiles}`]),
  ];
  const { bundle, image } = bench.odo;
  const child = spawn('/usr/bin/time', ['-f', TIME_FORMAT, '-o', at('time'), ...node, bundle, ...args, '--json'], {
    env: { ...process.env, ...S3_KEYS, S3_ENDPOINT, ...(image === undefined ? {} : { ODO_IMAGE: image }), ...env },
    stdio: ['ignore', out, err],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  fs.closeSync(out);
  fs.closeSync(err);
  if (code !== 0)
    throw new Error(`odo ${args.join(' ')} ended with ${code}\n${fs.readFileSync(at('odo.err'), 'utf8').slice(-4000)}`);
  const receipt = JSON.parse(fs.readFileSync(at('odo.out'), 'utf8')) as { laidDown: { peakMemoryBytes: number } };
  return {
    ...parseTimeOutput(fs.readFileSync(at('time'), 'utf8')),
    laidDownPeakBytes: receipt.laidDown.peakMemoryBytes,
  };
}
