import { asOdoError } from '../../errors.ts';
import type { Engine } from '../contract/engine.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import { runScripts } from '../database/post-sql.ts';
import { openServiceDatabase } from '../database/service-database.ts';
import { momentReport, waitingNotes } from '../outcome/at-target.ts';
import { withLeftovers, withWayBack } from '../outcome/failure-hints.ts';
import type { Outcome } from '../outcome/receipt.ts';
import { keptNote, salvageNotes } from '../outcome/receipt-notes.ts';
import { uncheckedByServer } from '../procedure/prove-recovered.ts';
import { archivingOf } from '../proofs/configuration.ts';
import { cleanUp } from '../recovery/service-control.ts';
import { standbyNotes } from '../standby/standby.ts';
import { findOnlyCopyLeft } from './only-copy.ts';
import type { RecoveredService } from './recover-service.ts';
import { onEngine, type ServiceRun } from './service-run.ts';

/** Ends a restore. The restore of a promoted server is finished; a server that waits keeps all that it has. */
export async function finishService(
  run: ServiceRun,
  recovered: RecoveredService,
  laidDown: LaidDown,
): Promise<Outcome> {
  const { request, proven, signal, salvage } = run;
  const { reached, downtimeMs, notes: checked } = recovered;
  const common = { reached, ...(salvage ? { salvage } : {}) };
  if (request.standby && recovered.waits) {
    const database = openServiceDatabase(recovered.address, signal);
    const notes = await standbyNotes({ ...request, laidDown }, proven.source.wal, database);
    return {
      ...common,
      standby: { hasPrimary: request.standby.primaryConninfo !== undefined },
      downtimeMs,
      notes: [...checked, ...notes, ...salvageNotes(salvage)],
    };
  }
  if (request.moment && recovered.waits) {
    const outcome = request.moment.action === 'shutdown' ? 'shut down' : 'paused';
    return {
      ...common,
      moment: momentReport(request.moment, proven.source, outcome),
      ...(outcome === 'paused' ? { downtimeMs } : {}),
      notes: [...checked, ...waitingNotes({ ...request, laidDown }, outcome)],
    };
  }
  return { ...common, downtimeMs, ...(await finishPromoted(run, recovered, laidDown)) };
}

async function finishPromoted(
  run: ServiceRun,
  { address, reached, unasked, notes: checked }: RecoveredService,
  laidDown: LaidDown,
): Promise<Pick<Outcome, 'laidDown' | 'moment' | 'onlyCopy' | 'notes'>> {
  const { request, proven, report, signal } = run;
  // From here on there is no way back, and little to do: a cancellation comes too late.
  const steady = openServiceDatabase(address, new AbortController().signal);
  const finishing: Pick<Engine, 'finish' | 'archivingConfigured'> = {
    finish: (options) => onEngine(run, (engine) => engine.finish(options)),
    archivingConfigured: (...asked) => onEngine(run, (engine) => engine.archivingConfigured(...asked)),
  };
  const onlyCopy = await findOnlyCopyLeft(run);
  // What was asked for is not proven, so the way back stays.
  const unchecked = unasked !== undefined && request.verify === 'full' ? uncheckedByServer(unasked) : undefined;
  const options = {
    places: proven.places,
    archiving: archivingOf(proven.configuration),
    keepPrevious: request.keepPrevious || unchecked !== undefined,
    onlyCopy,
    service: proven.found.service,
    request,
    reached: { timeline: reached.timeline, ...(reached.lsn === undefined ? {} : { lsn: reached.lsn }) },
  };
  const notes = await cleanUp(finishing, options, steady, report).catch((thrown: unknown) => {
    throw withLeftovers(asOdoError(thrown), request, onlyCopy);
  });
  if (unchecked)
    throw laidDown.oldData === 'kept' ? withWayBack(unchecked, request, proven.places, laidDown) : unchecked;
  const database = openServiceDatabase(address, signal);
  await runScripts(proven.scripts, database, address.containerId, report, signal);
  return {
    ...(run.feeding ? { laidDown: await run.feeding.addTo(laidDown) } : {}),
    ...(request.moment ? { moment: momentReport(request.moment, proven.source, 'promoted') } : {}),
    ...(onlyCopy ? { onlyCopy } : {}),
    notes: [...checked, ...notes, ...salvageNotes(run.salvage), ...(onlyCopy ? [keptNote(onlyCopy, request)] : [])],
  };
}
