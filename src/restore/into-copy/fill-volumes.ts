import { createCopyVolume } from '../../docker/containers/copy-volume.ts';
import { inPhase } from '../../events.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import { makeJob } from '../procedure/make-lay-down-job.ts';
import { prepareRehearsal } from '../rehearsal/prepare-rehearsal.ts';
import { rehearsedServer } from '../rehearsal/rehearsed-server.ts';
import { engineOf } from '../service/engine-of.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { type CopyRun, labelsOf } from './copy-run.ts';
import { removeLeftCopy } from './left-copy.ts';

/** Makes the copy's volumes, lays the backup down on them, and tries the copy's server on it. */
export async function layDownCopy(run: CopyRun): Promise<LaidDown> {
  const { request, proven, report, signal, version } = run;
  const { docker } = proven.found;
  await removeLeftCopy(docker, proven.left);
  for (const { source } of proven.mounts) {
    signal.throwIfAborted();
    if (await createCopyVolume(docker, source, labelsOf(run))) run.made.push(source);
  }
  const engine = await openServiceEngine(proven.found, proven.mounts, request, { version });
  run.engine = engine;
  const job = makeJob(request, proven);
  run.layingDown = true;
  if (request.rehearsal) run.rehearsal = prepareRehearsal(() => rehearsedServer(request, proven), signal);
  const laid = await engine.layDown(job, report, signal);
  const overridden = [...laid.overridden, ...(await run.rehearsal.hold(engine, report))];
  await run.rehearsal.end();
  return { ...laid, overridden };
}

/** Makes what was laid down the content of the volumes. */
export async function exchangeCopy(run: CopyRun): Promise<void> {
  const { proven, report, signal } = run;
  const engine = engineOf(run);
  signal.throwIfAborted();
  run.swapped = true;
  await inPhase(report, 'swap', () => engine.swap(proven.places)).catch(async (error: unknown) => {
    run.swapped = !(await engine.takeBack(proven.places).catch(() => false));
    throw error;
  });
}
