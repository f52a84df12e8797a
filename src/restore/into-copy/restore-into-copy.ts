import type { CopyRequest } from '../contract/request.ts';
import type { Prove } from '../procedure/restore.ts';
import { NO_REHEARSAL } from '../rehearsal/prepare-rehearsal.ts';
import { forOwnRun } from '../volume/own-run.ts';
import { planOfCopy } from './copy-plan.ts';
import { type CopyRun, copyName } from './copy-run.ts';
import { exchangeCopy, layDownCopy } from './fill-volumes.ts';
import { finishCopy } from './finish-copy.ts';
import { proveCopy } from './prove-copy.ts';
import { type RecoveredCopy, recoverCopy } from './recover-copy.ts';
import { undoCopy } from './undo-copy.ts';

/**
 * Brings a backup up beside the running service, which is left alone. The copy has volumes of its own, and the
 * service's own server program in a container of ODO's. After a failure or a cancellation, only what the same command
 * can go on from is left.
 */
export function intoCopy(request: CopyRequest): Prove<RecoveredCopy> {
  return async (tools) => {
    const name = copyName(request);
    const held = await proveCopy(request, name, tools.report, tools);
    const proven = { ...held, places: forOwnRun(held.places) };
    const run: CopyRun = {
      ...tools,
      request,
      proven,
      name,
      engine: undefined,
      rehearsal: NO_REHEARSAL,
      made: [],
      serverId: undefined,
      layingDown: false,
      swapped: false,
    };
    return {
      plan: () => planOfCopy(request, name, proven),
      layDown: () => layDownCopy(run),
      exchange: () => exchangeCopy(run),
      leaveAsBefore: (error) => undoCopy(run, error),
      recover: (laidDown) => recoverCopy(run, laidDown),
      tellWayBack: (error) => undoCopy(run, error),
      finish: (recovered) => finishCopy(run, recovered),
      close: async () => run.engine?.close(),
    };
  };
}
