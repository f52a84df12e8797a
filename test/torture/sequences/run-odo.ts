import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { lookAt, poll } from '../engine.ts';
import { Defect } from '../judge.ts';
import { type Ending, type OdoRun, startOdo } from '../odo-run.ts';
import type { Scene } from './operation.ts';
import type { Stage } from './stage.ts';

const RUN_MS = 150_000;
const CONTAINER_GONE_MS = 15_000;

/** Runs a command of ODO to its end, with what it wrote noted. */
export async function runOdo(scene: Scene, args: readonly string[]): Promise<Ending> {
  const run = startOdo(scene.product, args, { S3_ENDPOINT });
  return endOf(scene, run);
}

/** Waits for a run, however it ends, and for its container to go. */
export async function endOf(scene: Scene, run: OdoRun): Promise<Ending> {
  const late = setTimeout(() => run.signal('SIGKILL'), RUN_MS);
  const ending = await run.ended;
  clearTimeout(late);
  const [first = ''] = run.args;
  scene.ended(first.startsWith('-') ? 'restore' : first, ending.code);
  scene.note(`odo ${run.args.join(' ')}\n${wordsOf(run)}    = ${ending.code}`);
  if (ending.elapsedMs >= RUN_MS) throw new Defect(`it was still running after ${RUN_MS / 1000} s`);
  if (ending.code === 1) throw new Defect('exit code 1, which stands for a bug');
  await expectNoContainer(scene.stage);
  return ending;
}

export async function expectNoContainer({ restoreContainer }: Stage): Promise<void> {
  if (await poll(async () => (await lookAt(restoreContainer)) === undefined, CONTAINER_GONE_MS)) return;
  throw new Defect(`the restore container was still there after ${CONTAINER_GONE_MS / 1000} s`);
}

/** What a reader of a defect needs of it: no progress, no proof that held. */
function wordsOf(run: OdoRun): string {
  return run.events
    .filter(({ event }) => event.type !== 'progress' && !(event.type === 'proof' && event.state === 'held'))
    .map(({ ms, event }) => `    ${ms} ms ${JSON.stringify(event)}\n`)
    .join('');
}
