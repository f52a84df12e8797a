import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import { measureProgress } from '../../progress/measure-progress.ts';
import { timePhases } from '../../progress/stopwatch.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import { makeReceipt, type Outcome, type Plan, type Receipt } from '../outcome/receipt.ts';
import type { RunContext } from '../outcome/run-context.ts';

/** What each step of a restore has at hand. */
export interface Tools {
  report: Report;
  signal: AbortSignal;
  /** ODO's own version. */
  version: string;
}

/** Makes every check for the place where a backup goes: a service, a copy beside one, a directory. Touches nothing. */
export type Prove<Recovered> = (tools: Tools) => Promise<ProvenRestore<Recovered>>;

/**
 * A restore whose proofs have held: how each of its steps is done where the backup goes. The steps come in the order of
 * this list.
 */
export interface ProvenRestore<Recovered> {
  plan(): Plan;
  /** Lays the backup down beside the old data, with what its recovery needs, and tries a server on it. */
  layDown(): Promise<LaidDown>;
  /** Puts the laid-down backup in the old data's place. */
  exchange(laidDown: LaidDown): Promise<void>;
  /**
   * Brings back what was there before, after a failure of layDown() or exchange(). Gives the error, with what to do
   * next.
   */
  leaveAsBefore(error: OdoError): Promise<OdoError>;
  /** Sees a server recover the backup, and proves that it holds what it should. */
  recover(laidDown: LaidDown): Promise<Recovered>;
  /** Gives the error of a recover() that has failed, with the way back. */
  tellWayBack(error: OdoError, laidDown: LaidDown): Promise<OdoError>;
  /** Removes what only the restore needed, and old data that may go. Gives what came of it all. */
  finish(recovered: Recovered, laidDown: LaidDown): Promise<Outcome>;
  /** Nothing of the restore works on when this resolves. */
  close(): Promise<void>;
}

/**
 * The procedure of every restore: prove, plan, confirm, lay down, exchange, recover, finish. Until the exchange is
 * done, a failure leaves everything as it was. A dry run gives the plan.
 */
export async function restore<Recovered>(
  prove: Prove<Recovered>,
  { dryRun }: { dryRun: boolean },
  context: RunContext,
): Promise<Plan | Receipt> {
  const startedAt = new Date().toISOString();
  const { report, phases } = timePhases(measureProgress(context.report));
  const { signal, version } = context;
  const run = await inPhase(report, 'prove', () => prove({ report, signal, version }));
  try {
    const plan = run.plan();
    if (dryRun) return plan;
    if (!(await context.confirm(plan))) throw new OdoError('cancelled', 'cancelled before anything was touched');
    const laidDown = await replaceContent(run).catch(async (thrown: unknown) => {
      throw await run.leaveAsBefore(asOdoError(thrown, signal));
    });
    const recovered = await run.recover(laidDown).catch(async (thrown: unknown) => {
      throw await run.tellWayBack(asOdoError(thrown, signal), laidDown);
    });
    const outcome = await run.finish(recovered, laidDown);
    return makeReceipt(plan, laidDown, outcome, { odoVersion: version, startedAt, phases });
  } finally {
    // By now the outcome is known. An error of the engine's about its container must not take its place.
    await run.close().catch(() => undefined);
  }
}

async function replaceContent<Recovered>(run: ProvenRestore<Recovered>): Promise<LaidDown> {
  const laidDown = await run.layDown();
  await run.exchange(laidDown);
  return laidDown;
}
