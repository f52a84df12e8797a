import type { Report } from '../../events.ts';
import type { Plan } from './receipt.ts';
/** What a restore needs from its surroundings. */
export interface RunContext {
  report: Report;
  signal: AbortSignal;
  version: string;
  /** Asked once, after all proofs have held and before anything is touched; false cancels. */
  confirm(plan: Plan): Promise<boolean>;
}
