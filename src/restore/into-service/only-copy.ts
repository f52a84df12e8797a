import type { Engine } from '../contract/engine.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { accountedAfter } from '../proofs/prove-old-data.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import { askOfOld, findOnlyCopy } from '../volume/kept-old-data.ts';
import { onEngine, type ServiceRun } from './service-run.ts';

/** Why the old data has to be kept after the restore, asked for or not; undefined when it need not be. */
export async function findOnlyCopyLeft(run: ServiceRun): Promise<OnlyCopy | undefined> {
  const { request, proven } = run;
  const { source, places } = proven;
  if (request.wipe) return undefined;
  if (staysSo(proven.oldData.onlyCopy, request)) return proven.oldData.onlyCopy;
  if (run.leftOut) return run.leftOut;
  const engine = {
    surveyOld: (...asked: Parameters<Engine['surveyOld']>) => onEngine(run, (engine) => engine.surveyOld(...asked)),
  };
  const { wal } = source;
  const { acceptLoss, allowDifferentCluster } = request;
  const isOwnLeftOut = acceptLoss || request.moment !== undefined || wal.source === 'included';
  const asked = askOfOld({ isOwnLeftOut, allowDifferentCluster });
  const found = await findOnlyCopy(engine, places, asked, wal.source === 'included' ? [] : accountedAfter(wal));
  return found?.isUnread && acceptLoss ? undefined : found;
}

/**
 * Whether the judgement from before the restore holds to the end. It does when the old data is of another cluster, or
 * has gone another way than the archive: a later look, or that of others, does not see it otherwise.
 */
export function staysSo(onlyCopy: OnlyCopy | undefined, { acceptLoss }: ServiceRequest): onlyCopy is OnlyCopy {
  return onlyCopy?.isOfAnother === true || (onlyCopy?.hasDiverged === true && !acceptLoss);
}
