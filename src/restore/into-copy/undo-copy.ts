import { removeContainer } from '../../docker/client/container.ts';
import { removeVolumes } from '../../docker/compose/volume.ts';
import { asOdoError, type OdoError } from '../../errors.ts';
import { explainTarget } from '../outcome/at-target.ts';
import { isResumable, withHints, withKeptStaging } from '../outcome/failure-hints.ts';
import { type CopyRun, serverName } from './copy-run.ts';

/**
 * Takes away what this run has made. Volumes that were there before stay; what was laid down stays where the same
 * command can use it. Gives the error with what is left over.
 */
export async function undoCopy(run: CopyRun, failure: OdoError): Promise<OdoError> {
  const { request, proven, made } = run;
  const { docker } = proven.found;
  const error = request.moment ? explainTarget(failure, request.moment, proven.source) : failure;
  await run.rehearsal.end();
  const kept =
    run.layingDown && !run.swapped && request.copy.kind === 'new-volume' && !request.discard && isResumable(error);
  // Failures from here on are told besides the first error, which is why all this is done.
  const troubles = run.serverId === undefined ? [] : await removeServer(run, run.serverId);
  if (run.layingDown && !run.swapped && !kept) await run.engine?.discard(proven.places).catch(() => undefined);
  await run.engine?.close().catch(() => undefined);
  run.engine = undefined;
  if (kept)
    return withKeptStaging(error, {
      kept,
      wiped: false,
      odoDir: `volume ${run.name}`,
      removal: `docker volume rm ${made.join(' ') || run.name}`,
    });
  troubles.push(...(await removeVolumes(docker, made)));
  const left = run.swapped
    ? proven.mounts.filter(({ source }) => !made.includes(source)).map(({ source }) => source)
    : [];
  if (left.length > 0)
    troubles.push(
      `what was restored is on a volume that was there before, and can be removed: docker volume rm ${left.join(' ')}`,
    );
  return withHints(error, troubles);
}

async function removeServer(run: CopyRun, id: string): Promise<string[]> {
  try {
    await removeContainer(run.proven.found.docker, id);
    return [];
  } catch (error) {
    const name = serverName(run);
    return [`container ${name} is left over (docker rm -f ${name}): ${asOdoError(error).message}`];
  }
}
