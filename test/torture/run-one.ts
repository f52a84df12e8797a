import os from 'node:os';
import { type FaultProxy, startFaultProxy } from '../integration/parts/fault-proxy.ts';
import { run as runProgram } from '../integration/parts/run.ts';
import { startEngineProxy } from './engine-proxy.ts';
import type { Scene } from './fault.ts';
import { type Case, Defect, judge, type Outcome, restoreOnceMore } from './judge.ts';
import { type CleanRun, type OdoRun, reach, startOdo, timingOf } from './odo-run.ts';
import type { PrivateEngine } from './private-engine.ts';
import type { Product } from './product.ts';
import { createRandom } from './random.ts';
import type { Repository, RepositoryName } from './repository.ts';
import type { Rig } from './rig.ts';
import type { PlannedRun } from './schedule.ts';

/** One place where runs follow each other. */
export interface Bench {
  product: Product;
  rig: Rig;
  /** Another, on a disk that can fail: made when it is needed first. */
  onFailingDisk(): Promise<Rig>;
  repository: Repository;
  privateEngine: PrivateEngine | undefined;
  /** How long undisturbed runs take: measured once, where it is needed first. */
  clean: Map<RepositoryName, Promise<CleanRun>>;
  /** How the volume is: as after a reset, or to be reset before it is used. */
  isFresh: boolean;
}

export interface Verdict {
  planned: PlannedRun;
  outcome: Outcome | 'DEFECT';
  /** The fault came before the end of the run. */
  struck: boolean;
  code: number | null | undefined;
  elapsedMs: number;
  notes: string[];
  /** What every run of the command wrote. */
  output: string;
  /** Of a defect: everything that is known. */
  evidence?: string;
}

/** Short enough that a store which stays away is given up soon, long enough for every outage that ends. */
const RETRY_FOR_S = 5;

/** Of each connection: loopback is so fast that no fault would find a download under way. */
const LINE_BYTES_PER_SECOND = 6_000_000;

async function startLine(): Promise<FaultProxy> {
  const proxy = await startFaultProxy();
  proxy.fault(/^GET [^?]+\.gz/, { do: 'slow', bytesPerSecond: LINE_BYTES_PER_SECOND });
  return proxy;
}

function restoreArgs({ product, rig, repository }: Bench, name: RepositoryName, retryForS = RETRY_FOR_S): string[] {
  const url = `s3://${repository.bucket}/${repository.prefixes[name]}`;
  const patience = ['--retry-for', String(retryForS), '--stall-timeout', '30', '--stop-timeout', '20'];
  const names = ['-v', 'db', '-n', 'db', '-f', rig.composeFile, '--image', product.image];
  // The old data is another cluster's, and what is asked of a restored server may write to it.
  const givenUp = ['--allow-different-cluster', '--accept-loss'];
  return ['-u', url, ...names, '--yes', ...givenUp, ...patience];
}

/** An undisturbed run, which must succeed; its times are what moments are drawn from. */
async function measureClean(bench: Bench, name: RepositoryName): Promise<CleanRun> {
  const proxy = await startLine();
  try {
    await bench.rig.reset(name === 'wide');
    bench.isFresh = false;
    const run = startOdo(bench.product, restoreArgs(bench, name), { S3_ENDPOINT: proxy.endpoint });
    const ending = await run.ended;
    if (ending.code !== 0) throw new Error(`an undisturbed run ended with ${ending.code}\n${outputOf(run)}`);
    const words = await bench.rig.askWhenUp();
    if (words?.digest !== bench.repository.digests[name])
      throw new Error(`an undisturbed run gives ${JSON.stringify(words)}`);
    return timingOf(run, ending);
  } finally {
    await proxy.close();
  }
}

/** One planned run from its reset to its verdict. */
export async function runOne(bench: Bench, planned: PlannedRun, seed: number): Promise<Verdict> {
  const startedAt = performance.now();
  const { repository, product } = bench;
  const { fault, moment } = planned;
  const measured = bench.clean.get(planned.repository) ?? measureClean(bench, planned.repository);
  bench.clean.set(planned.repository, measured);
  const clean = await measured;
  const rig = fault.failsDisk ? await bench.onFailingDisk() : bench.rig;
  const random = createRandom(seed, 'run', planned.number);
  const notes: string[] = [];
  const repairs: (() => Promise<void>)[] = [];
  const holeDigests: string[] = [];
  const earlyEnds: Case['earlyEnds'] = [];
  const later: { title: string; run: OdoRun }[] = [];
  const runs: OdoRun[] = [];
  const wide = planned.repository === 'wide';
  if (!bench.isFresh || wide || fault.failsDisk) await rig.reset(wide);
  if (!fault.failsDisk) bench.isFresh = false;

  const proxy = await startLine();
  const calm = await startFaultProxy();
  const args = restoreArgs({ ...bench, rig }, planned.repository, fault.retryForS);
  const engineProxy = fault.needsEngineProxy ? await startEngineProxy(os.tmpdir()) : undefined;
  const env = { S3_ENDPOINT: proxy.endpoint, ...(engineProxy ? { DOCKER_HOST: engineProxy.host } : {}) };
  const start = () => {
    const run = startOdo(product, args, env);
    runs.push(run);
    return run;
  };
  const props = {
    rig,
    proxy,
    repository,
    restoring: planned.repository,
    random,
    clean,
    privateEngine: bench.privateEngine,
    engineProxy,
    startAnother: start,
    note: (text: string) => void notes.push(text),
    repairLater: (repair: () => Promise<void>) => void repairs.unshift(repair),
    acceptHole: (digest: string) => void holeDigests.push(digest),
    acceptEnd: (digest: string, lost: string) => void earlyEnds.push({ digest, lost }),
  };
  const repair = async () => {
    for (const one of repairs.splice(0)) await one();
    if (fault.fillsDisk) await rig.onVolume('rm -f /v/filler*');
  };
  const verdict = (outcome: Verdict['outcome'], struck: boolean, code: Verdict['code']): Verdict => ({
    planned,
    outcome,
    struck,
    code,
    elapsedMs: Math.round(performance.now() - startedAt),
    notes,
    output: [...runs.map((run, index) => ({ title: `odo${index ? ' (second)' : ''}`, run })), ...later]
      .map(({ title, run }) => `--- ${title}\n${outputOf(run)}`)
      .join('\n'),
  });

  let struck = false;
  try {
    await fault.prepare?.(props);
    const run = start();
    struck = fault.strike === undefined || (await reach(moment, run, clean));
    if (struck) await fault.strike?.({ ...props, run } satisfies Scene);
    const judged = {
      ...{ product, rig, fault, random, args, runs, holeDigests, earlyEnds, repair },
      env: { S3_ENDPOINT: calm.endpoint },
      fullDigest: repository.digests[planned.repository],
      note: props.note,
      alsoRan: (title: string, other: OdoRun) => void later.push({ title, run: other }),
    };
    const outcome = await judge(judged);
    const isOnceMore = random.chance(0.15);
    if (isOnceMore) await restoreOnceMore(judged);
    const { code } = await run.ended;
    if (fault.failsDisk) return verdict(outcome, struck, code);
    bench.isFresh =
      outcome === 'old kept' && !isOnceMore && !wide && (await rig.onVolume('rm -rf /v/.odo; ls -A /v')) === 'pgdata';
    return verdict(outcome, struck, code);
  } catch (error) {
    const reason = error instanceof Defect ? error.message : `the harness failed: ${(error as Error).stack}`;
    const all = [...runs.map((run, index) => ({ title: `odo${index ? ' (second)' : ''}`, run })), ...later];
    const code = runs[0] && (await runs[0].ended).code;
    const evidence = [
      `${reason}`,
      await stateOf(rig),
      ...all.map(({ title, run }) => `--- ${title}\n${outputOf(run)}`),
    ].join('\n');
    return { ...verdict('DEFECT', struck, code), evidence };
  } finally {
    await repair().catch((error: Error) => notes.push(`repair failed: ${error.message}`));
    await proxy.close();
    await calm.close();
    await engineProxy?.close();
  }
}

function outputOf(run: OdoRun): string {
  const lines = run.lines
    .filter(({ text }) => !text.includes('"type":"progress"'))
    .map(({ ms, text }) => `${ms} ms ${text}`);
  return [`odo ${run.args.join(' ')}`, ...lines].join('\n');
}

async function stateOf(rig: Rig): Promise<string> {
  const containers = await runProgram('docker', [
    'ps',
    '-a',
    '--filter',
    `name=${rig.project}`,
    '--format',
    '{{.Names}} {{.Status}}',
  ]);
  const log = await runProgram('docker', ['logs', '--tail', '25', rig.db]);
  const files = await rig
    .onVolume(
      'cd /v; df -k . | tail -n 1; ls -lA .; ls -lA .odo 2>/dev/null; cat .odo/journal.json 2>/dev/null; for ' +
        'd in pgdata .odo/previous .odo/incoming .odo/spool; do [ -d $d ] && echo $d: $(ls -A $d | grep -v -e ' +
        "^old- -e ^wide- | tr '\\n' ' ') and $(ls -A $d | grep -c -e ^old- -e ^wide-) wide; done; true",
    )
    .catch((error: Error) => error.message);
  const words = await rig.ask();
  return (
    `--- containers\n${containers.stdout}--- server\n${JSON.stringify(words)}\n--- volume\n${files}\n--- log ` +
    `of the service\n${log.stdout}${log.stderr}`
  );
}
