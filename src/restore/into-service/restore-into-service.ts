import type { ServiceRequest } from '../contract/request.ts';
import { explainTarget } from '../outcome/at-target.ts';
import { withWayBack } from '../outcome/failure-hints.ts';
import type { Prove } from '../procedure/restore.ts';
import { NO_REHEARSAL } from '../rehearsal/prepare-rehearsal.ts';
import { wrongInstead } from '../volume/judge-old-data.ts';
import { forOwnRun } from '../volume/own-run.ts';
import { finishService } from './finish-service.ts';
import { leaveAsBefore } from './leave-as-before.ts';
import { proveServiceRestore } from './prove-service-restore.ts';
import { type RecoveredService, recoverService } from './recover-service.ts';
import { exchangeContent, layDownForService } from './replace-content.ts';
import { planOfService } from './service-plan.ts';
import { closeEngine, onEngine, type ServiceRun } from './service-run.ts';

/**
 * Brings a compose service up on a backup. The service is stopped before the backup is laid down beside its data; with
 * `online`, just before the exchange. After the exchange the old data waits in `.odo/previous` until the end.
 */
export function intoService(request: ServiceRequest): Prove<RecoveredService> {
  return async (tools) => {
    const held = await proveServiceRestore(request, tools.report, tools);
    const proven = { ...held, places: forOwnRun(held.places) };
    const run: ServiceRun = {
      ...tools,
      request,
      proven,
      engine: proven.engine,
      rehearsal: NO_REHEARSAL,
      feeding: undefined,
      stopped: [],
      stoppedAt: performance.now(),
      made: [],
      layingDown: false,
      laidDown: false,
      swapping: false,
    };
    return {
      plan: () => planOfService(request, proven),
      layDown: () => layDownForService(run),
      exchange: () => exchangeContent(run),
      leaveAsBefore: (error) => leaveAsBefore(run, error),
      recover: (laidDown) => recoverService(run, laidDown),
      async tellWayBack(error, laidDown) {
        if (error.code === 'dataCorrupt')
          await onEngine(run, (engine) => engine.noteKept(proven.places, wrongInstead(error))).catch(() => undefined);
        const told = request.moment ? explainTarget(error, request.moment, proven.source) : error;
        return withWayBack(told, request, proven.places, laidDown);
      },
      finish: (recovered, laidDown) => finishService(run, recovered, laidDown),
      async close() {
        run.feeding?.drop();
        await closeEngine(run);
      },
    };
  };
}
